/* SPDX-License-Identifier: Apache-2.0 */
/* Modules of the tests of pools: each in text, and assembled (wat2wasm), so that the tests need no assembler. */
#ifndef MOAT_TESTS_WASM_POOL_MODULES_H
#define MOAT_TESTS_WASM_POOL_MODULES_H

/* clang-format off */

/*
 * (module
 *   (import "env" "f" (func $f (param i32) (result i32)))
 *   (import "env" "base" (global $base i32))
 *   (memory (export "memory") 2 5)
 *   (global (export "fixed") i32 (i32.const 5))
 *   (global $g (export "g") (mut i64) (i64.const 7))
 *   (global $x (export "x") (mut externref) (ref.null extern))
 *   (global $r (export "r") (mut funcref) (ref.func $one))
 *   (table $t (export "t") 3 6 funcref)
 *   (table $e (export "e") 2 externref)
 *   (elem (table $t) (i32.const 0) func $one $two)
 *   (elem $passive func $two)
 *   (data (global.get $base) "image")
 *   (data $d "passive")
 *   (func $one (result i32) (i32.const 1))
 *   (func $two (result i32) (i32.const 2))
 *   (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
 *   (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
 *   (func (export "fill") (param i32 i32) (memory.fill (i32.const 0) (local.get 1) (local.get 0)))
 *   (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
 *   (func (export "set") (param i64 externref)
 *     (global.set $g (local.get 0)) (global.set $x (local.get 1)) (global.set $r (ref.null func)))
 *   (func (export "table") (param externref)
 *     (table.set $t (i32.const 0) (ref.func $two)) (table.set $t (i32.const 1) (ref.null func))
 *     (table.fill $e (i32.const 0) (local.get 0) (i32.const 2))
 *     (drop (table.grow $t (ref.func $two) (i32.const 2)))
 *     (drop (table.grow $e (local.get 0) (i32.const 100))))
 *   (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
 *   (func (export "init") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 7)) (table.init $t $passive (i32.const 2) (i32.const 0) (i32.const 1)))
 *   (func (export "drop") (data.drop $d) (elem.drop $passive))
 *   (func (export "host") (param i32) (result i32) (call $f (local.get 0)))
 *   (func (export "trap") (unreachable))
 *   (func $deep (export "deep") (call $deep))
 *   (func (export "forever") (loop (br 0)))
 *   (func (export "next") (result i64) (global.set $g (i64.add (global.get $g) (i64.const 1))) (global.get $g)))
 */
static const char pool_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 1f 07 60 01 7f 01 7f 60 00 01 7f 60 02 7f 7f 00 60 02 7e 6f 00 60 01 6f 00 60 00 "
    "00 60 00 01 7e 02 15 02 03 65 6e 76 01 66 00 00 03 65 6e 76 04 62 61 73 65 03 7f 00 03 11 10 01 01 00 02 02 "
    "00 03 04 00 05 05 00 05 05 05 06 04 08 02 70 01 03 06 6f 00 02 05 04 01 01 02 05 06 15 04 7f 00 41 05 0b 7e "
    "01 42 07 0b 6f 01 d0 6f 0b 70 01 d2 01 0b 07 8c 01 15 06 6d 65 6d 6f 72 79 02 00 05 66 69 78 65 64 03 01 01 "
    "67 03 02 01 78 03 03 01 72 03 04 01 74 01 00 01 65 01 01 04 6c 6f 61 64 00 03 05 73 74 6f 72 65 00 04 04 66 "
    "69 6c 6c 00 05 04 67 72 6f 77 00 06 03 73 65 74 00 07 05 74 61 62 6c 65 00 08 04 63 61 6c 6c 00 09 04 69 6e "
    "69 74 00 0a 04 64 72 6f 70 00 0b 04 68 6f 73 74 00 0c 04 74 72 61 70 00 0d 04 64 65 65 70 00 0e 07 66 6f 72 "
    "65 76 65 72 00 0f 04 6e 65 78 74 00 10 09 0c 02 00 41 00 0b 02 01 02 01 00 01 02 0c 01 02 0a b4 01 10 04 00 "
    "41 01 0b 04 00 41 02 0b 07 00 20 00 2d 00 00 0b 09 00 20 00 20 01 3a 00 00 0b 0b 00 41 00 20 01 20 00 fc 0b "
    "00 0b 06 00 20 00 40 00 0b 0e 00 20 00 24 02 20 01 24 03 d0 70 24 04 0b 28 00 41 00 d2 02 26 00 41 01 d0 70 "
    "26 00 41 00 20 00 41 02 fc 11 01 d2 02 41 02 fc 0f 00 1a 20 00 41 e4 00 fc 0f 01 1a 0b 07 00 20 00 11 01 00 "
    "0b 16 00 41 00 41 00 41 07 fc 08 01 00 41 02 41 00 41 01 fc 0c 01 00 0b 08 00 fc 09 01 fc 0d 01 0b 06 00 20 "
    "00 10 00 0b 03 00 00 0b 04 00 10 0e 0b 07 00 03 40 0c 00 0b 0b 0b 00 23 02 42 01 7c 24 02 23 02 0b 0b 14 02 "
    "00 23 00 0b 05 69 6d 61 67 65 01 07 70 61 73 73 69 76 65 ";

/*
 * (module
 *   (memory (export "memory") 1 3)
 *   (global $g (export "g") (mut i32) (i32.const 1))
 *   (func $s (i32.store (i32.const 70000) (i32.const 9)))
 *   (func $start
 *     (drop (memory.grow (i32.const 1)))
 *     (call $s)
 *     (global.set $g (i32.add (global.get $g) (i32.const 41))))
 *   (start $start))
 */
static const char started_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 04 01 60 00 00 03 03 02 00 00 05 04 01 01 01 03 06 06 01 7f 01 41 01 0b 07 0e 02 "
    "06 6d 65 6d 6f 72 79 02 00 01 67 03 00 08 01 01 0a 1e 02 0b 00 41 f0 a2 04 41 09 36 02 00 0b 10 00 41 01 40 "
    "00 1a 10 00 23 00 41 29 6a 24 00 0b ";

/*
 * (module
 *   (import "env" "f" (func $f (param i32) (result i32)))
 *   (memory (export "memory") 1)
 *   (global $g (export "g") (mut i32) (i32.const 1))
 *   (func $start
 *     (i32.store8 (i32.const 5) (i32.const 6))
 *     (global.set $g (call $f (i32.add (global.get $g) (i32.const 1)))))
 *   (start $start))
 */
static const char hosted_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 09 02 60 01 7f 01 7f 60 00 00 02 09 01 03 65 6e 76 01 66 00 00 03 02 01 01 05 03 "
    "01 00 01 06 06 01 7f 01 41 01 0b 07 0e 02 06 6d 65 6d 6f 72 79 02 00 01 67 03 00 08 01 01 0a 14 01 12 00 41 "
    "05 41 06 3a 00 00 23 00 41 01 6a 10 00 24 00 0b ";

/*
 * (module
 *   (table (export "t") 1 externref)
 *   (func $start (drop (table.grow 0 (ref.null extern) (i32.const 3))))
 *   (start $start))
 */
static const char growing_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 04 01 60 00 00 03 02 01 00 04 04 01 6f 00 01 07 05 01 01 74 01 00 08 01 00 0a 0c "
    "01 0a 00 d0 6f 41 03 fc 0f 00 1a 0b ";

/*
 * (module
 *   (memory (export "memory") 32)
 *   (data (i32.const 1048576) "erased")
 *   (func $start (memory.fill (i32.const 1048576) (i32.const 0) (i32.const 6)))
 *   (start $start))
 */
static const char erasing_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 04 01 60 00 00 03 02 01 00 05 03 01 00 20 07 0a 01 06 6d 65 6d 6f 72 79 02 00 08 "
    "01 00 0a 10 01 0e 00 41 80 80 c0 00 41 00 41 06 fc 0b 00 0b 0b 0f 01 00 41 80 80 c0 00 0b 06 65 72 61 73 65 "
    "64 ";

/*
 * (module
 *   (memory (export "memory") 32)
 *   (data (i32.const 300000) "kept")
 *   (data (i32.const 1048576) "erased")
 *   (func $start (memory.fill (i32.const 1048576) (i32.const 0) (i32.const 6)))
 *   (start $start))
 */
static const char shrinking_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 04 01 60 00 00 03 02 01 00 05 03 01 00 20 07 0a 01 06 6d 65 6d 6f 72 79 02 00 08 "
    "01 00 0a 10 01 0e 00 41 80 80 c0 00 41 00 41 06 fc 0b 00 0b 0b 1a 02 00 41 e0 a7 12 0b 04 6b 65 70 74 00 41 "
    "80 80 c0 00 0b 06 65 72 61 73 65 64 ";

/*
 * (module (func $start (unreachable)) (start $start))
 */
static const char trapping_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 04 01 60 00 00 03 02 01 00 08 01 00 0a 05 01 03 00 00 0b ";

/*
 * (module (import "env" "m" (memory 1)))
 */
static const char imports_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 02 0a 01 03 65 6e 76 01 6d 02 00 01 ";

#endif
