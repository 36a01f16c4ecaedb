;; SPDX-License-Identifier: Apache-2.0
(module (type $t (func (param i32 i64) (result i64)))
 (table (export "table") 2 funcref) (memory 1) (data (i32.const 0) "\01")
 (elem (i32.const 0) $ping)
 (func $ping (export "ping") (param $n i32) (param $s i64) (result i64)
  (if (i32.eqz (local.get $n)) (then (return (local.get $s))))
  (return_call_indirect (type $t) (i32.sub (local.get $n) (i32.const 1)) (i64.add (local.get $s) (i64.load8_u (i32.const 0))) (i32.const 1)))
 (func (export "start") (param $n i32) (result i64)
  (i64.add (call $ping (local.get $n) (i64.const 0)) (i64.mul (i64.const 1000000000) (i64.load8_u (i32.const 0))))))
