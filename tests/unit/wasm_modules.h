/* SPDX-License-Identifier: Apache-2.0 */
/* Modules of the tests of the runtime: each in text, and assembled (wat2wasm), so that the tests need no assembler. */
#ifndef MOAT_TESTS_WASM_MODULES_H
#define MOAT_TESTS_WASM_MODULES_H

/* clang-format off */

/*
 * (module
 *   (func $fac (export "fac") (param i64) (result i64)
 *     (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
 *       (else (i64.mul (local.get 0) (call $fac (i64.sub (local.get 0) (i64.const 1)))))))
 *   (func (export "sum") (param i32) (result i32) (local i32)
 *     (block (loop
 *       (br_if 1 (i32.eqz (local.get 0)))
 *       (local.set 1 (i32.add (local.get 1) (local.get 0)))
 *       (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
 *       (br 0)))
 *     (local.get 1))
 *   (func (export "switch") (param i32) (result i32)
 *     (block (block (block (br_table 2 0 1 2 (local.get 0)))
 *       (return (i32.const 10))) (return (i32.const 11))) (i32.const 12))
 *   (func (export "swap") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
 *   (func (export "gcd") (param i32 i32) (result i32)
 *     (local.get 0) (local.get 1)
 *     (loop (param i32 i32) (result i32)
 *       (local.set 1) (local.tee 0)
 *       (if (param i32) (result i32) (local.get 1)
 *         (then (drop) (local.get 1) (i32.rem_u (local.get 0) (local.get 1)) (br 1)))))
 *   (func $deep (export "deep") (call $deep))
 *   (func $count (export "count") (param i32) (result i32)
 *     (if (result i32) (local.get 0) (then (return_call $count (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 7))))
 *   (func (export "forever") (loop (br 0)))
 *   (func $tail (export "tail") (return_call $tail)))
 */
static const char control_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 1b 05 60 01 7e 01 7e 60 01 7f 01 7f 60 02 7f 7e 02 7e 7f 60 02 7f 7f 01 7f 60 00 00 "
    "03 0a 09 00 01 01 02 03 04 01 04 04 07 43 09 03 66 61 63 00 00 03 73 75 6d 00 01 06 73 77 69 74 63 68 00 02 04 "
    "73 77 61 70 00 03 03 67 63 64 00 04 04 64 65 65 70 00 05 05 63 6f 75 6e 74 00 06 07 66 6f 72 65 76 65 72 00 07 "
    "04 74 61 69 6c 00 08 0a 9d 01 09 15 00 20 00 50 04 7e 42 01 05 20 00 20 00 42 01 7d 10 00 7e 0b 0b 21 01 01 7f "
    "02 40 03 40 20 00 45 0d 01 20 01 20 00 6a 21 01 20 00 41 01 6b 21 00 0c 00 0b 0b 20 01 0b 1b 00 02 40 02 40 02 "
    "40 20 00 0e 03 02 00 01 02 0b 41 0a 0f 0b 41 0b 0f 0b 41 0c 0b 06 00 20 01 20 00 0b 1c 00 20 00 20 01 03 03 21 "
    "01 22 00 20 01 04 01 1a 20 01 20 00 20 01 70 0c 01 0b 0b 0b 04 00 10 05 0b 11 00 20 00 04 7f 20 00 41 01 6b 12 "
    "06 05 41 07 0b 0b 07 00 03 40 0c 00 0b 0b 04 00 12 08 0b";

/*
 * (module
 *   (type $i (func (result i32)))
 *   (table 3 funcref)
 *   (elem (i32.const 0) $one $two)
 *   (memory (export "memory") 1 2)
 *   (func $one (result i32) (i32.const 1))
 *   (func $two (param i32) (result i32) (i32.const 2))
 *   (func (export "unreachable") (unreachable))
 *   (func (export "call") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))
 *   (func (export "load") (param i32) (result i32) (i32.load offset=8 (local.get 0)))
 *   (func (export "far") (param i32) (result i32) (i32.load8_u offset=0xffffffff (local.get 0)))
 *   (func (export "store") (param i32 i64) (i64.store (local.get 0) (local.get 1)))
 *   (func (export "table.get") (param i32) (result funcref) (table.get 0 (local.get 0)))
 *   (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
 *   (func (export "trunc") (param f32) (result i32) (i32.trunc_f32_s (local.get 0)))
 *   (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
 */
static const char traps_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 22 07 60 00 01 7f 60 01 7f 01 7f 60 00 00 60 02 7f 7e 00 60 01 7f 01 70 60 02 7f 7f "
    "01 7f 60 01 7d 01 7f 03 0c 0b 00 01 02 01 01 01 03 04 05 06 01 04 04 01 70 00 03 05 04 01 01 01 02 07 55 0a 06 "
    "6d 65 6d 6f 72 79 02 00 0b 75 6e 72 65 61 63 68 61 62 6c 65 00 02 04 63 61 6c 6c 00 03 04 6c 6f 61 64 00 04 03 "
    "66 61 72 00 05 05 73 74 6f 72 65 00 06 09 74 61 62 6c 65 2e 67 65 74 00 07 03 64 69 76 00 08 05 74 72 75 6e 63 "
    "00 09 04 67 72 6f 77 00 0a 09 08 01 00 41 00 0b 02 00 01 0a 51 0b 04 00 41 01 0b 04 00 41 02 0b 03 00 00 0b 07 "
    "00 20 00 11 00 00 0b 07 00 20 00 28 02 08 0b 0b 00 20 00 2d 00 ff ff ff ff 0f 0b 09 00 20 00 20 01 37 03 00 0b "
    "06 00 20 00 25 00 0b 07 00 20 00 20 01 6d 0b 05 00 20 00 a8 0b 06 00 20 00 40 00 0b";

/*
 * (module
 *   (import "env" "f" (func $f (param i32) (result i32 i32)))
 *   (func $inner (export "inner") (param i32) (result i32) (call $f (local.get 0)) (i32.add))
 *   (func (export "outer") (param i32) (result i32) (nop) (call $inner (local.get 0)))
 *   (func (export "tail") (param i32) (result i32 i32) (return_call $f (local.get 0)))
 *   (export "again" (func $f)))
 */
static const char host_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 0c 02 60 01 7f 02 7f 7f 60 01 7f 01 7f 02 09 01 03 65 6e 76 01 66 00 00 03 04 03 01 "
    "01 00 07 20 04 05 69 6e 6e 65 72 00 01 05 6f 75 74 65 72 00 02 04 74 61 69 6c 00 03 05 61 67 61 69 6e 00 00 0a "
    "18 03 07 00 20 00 10 00 6a 0b 07 00 01 20 00 10 01 0b 06 00 20 00 12 00 0b";

/*
 * (module
 *   (import "env" "f" (func (param i32) (result i64)))
 *   (import "env" "t" (table 2 4 funcref))
 *   (import "env" "m" (memory 1 3))
 *   (import "env" "g" (global i32))
 *   (import "env" "v" (global (mut i64))))
 */
static const char link_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 06 01 60 01 7f 01 7e 02 30 05 03 65 6e 76 01 66 00 00 03 65 6e 76 01 74 01 70 01 02 "
    "04 03 65 6e 76 01 6d 02 01 01 03 03 65 6e 76 01 67 03 7f 00 03 65 6e 76 01 76 03 7e 01";

/*
 * (module
 *   (import "env" "t" (table 4 funcref))
 *   (import "env" "m" (memory 1))
 *   (global $g (export "g") (mut i32) (i32.const 5))
 *   (func $f (result i32) (i32.const 42))
 *   (elem (i32.const 1) $f)
 *   (data (i32.const 0) "abc")
 *   (data (i32.const 65534) "xyz"))
 */
static const char start_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 05 01 60 00 01 7f 02 14 02 03 65 6e 76 01 74 01 70 00 04 03 65 6e 76 01 6d 02 00 01 "
    "03 02 01 00 06 06 01 7f 01 41 05 0b 07 05 01 01 67 03 00 09 07 01 00 41 01 0b 01 00 0a 06 01 04 00 41 2a 0b 0b "
    "13 02 00 41 00 0b 03 61 62 63 00 41 fe ff 03 0b 03 78 79 7a";

/*
 * (module
 *   (import "env" "base" (global $b i32))
 *   (memory (export "m") 1)
 *   (global $g (export "g") (mut i32) (i32.add (global.get $b) (i32.const 5)))
 *   (func $s (global.set $g (i32.add (global.get $g) (i32.load8_u (i32.const 7)))))
 *   (data (offset (i32.add (global.get $b) (i32.const 2))) "\2a")
 *   (start $s))
 */
static const char started_module[] __attribute__((unused)) =
    "00 61 73 6d 01 00 00 00 01 04 01 60 00 00 02 0d 01 03 65 6e 76 04 62 61 73 65 03 7f 00 03 02 01 00 05 03 01 00 "
    "01 06 09 01 7f 01 23 00 41 05 6a 0b 07 09 02 01 6d 02 00 01 67 03 01 08 01 00 0a 0e 01 0c 00 23 01 41 07 2d 00 "
    "00 6a 24 01 0b 0b 0a 01 00 23 00 41 02 6a 0b 01 2a";

#endif
