;; SPDX-License-Identifier: Apache-2.0
(module (memory 1)
 (func (export "tree32") (param i32) (result i32) (local i32 i32) (local.set 1 (i32.mul (local.get 0) (i32.const 77))) (local.set 2 (i32.xor (local.get 0)
(i32.const -5))) (i32.or (i32.xor (i32.mul (i32.xor (i32.add (i32.or (i32.mul (local.get 1) (i32.const 887)) (i32.xor (local.get 0) (i32.const 901))) (i32.rotl
(i32.and (local.get 2) (i32.const 915)) (i32.or (local.get 1) (i32.const 929)))) (i32.sub (i32.shr_u (i32.rotl (local.get 0) (i32.const 943)) (i32.shr_u
(local.get 2) (i32.const 957))) (i32.add (i32.add (local.get 1) (i32.const 971)) (i32.sub (local.get 0) (i32.const 985))))) (i32.and (i32.mul (i32.sub (i32.mul
(local.get 2) (i32.const 999)) (i32.xor (local.get 1) (i32.const 1013))) (i32.mul (i32.and (local.get 0) (i32.const 1027)) (i32.or (local.get 2) (i32.const
1041)))) (i32.xor (i32.xor (i32.rotl (local.get 1) (i32.const 1055)) (i32.shr_u (local.get 0) (i32.const 1069))) (i32.and (i32.add (local.get 2) (i32.const
1083)) (i32.sub (local.get 1) (i32.const 1097)))))) (i32.xor (i32.or (i32.and (i32.or (i32.mul (local.get 0) (i32.const 1111)) (i32.xor (local.get 2)
(i32.const 1125))) (i32.rotl (i32.and (local.get 1) (i32.const 1139)) (i32.or (local.get 0) (i32.const 1153)))) (i32.or (i32.shr_u (i32.rotl (local.get 2)
(i32.const 1167)) (i32.shr_u (local.get 1) (i32.const 1181))) (i32.add (i32.add (local.get 0) (i32.const 1195)) (i32.sub (local.get 2) (i32.const 1209)))))
(i32.rotl (i32.rotl (i32.sub (i32.mul (local.get 1) (i32.const 1223)) (i32.xor (local.get 0) (i32.const 1237))) (i32.mul (i32.and (local.get 2) (i32.const
1251)) (i32.or (local.get 1) (i32.const 1265)))) (i32.shr_u (i32.xor (i32.rotl (local.get 0) (i32.const 1279)) (i32.shr_u (local.get 2) (i32.const 1293)))
(i32.and (i32.add (local.get 1) (i32.const 1307)) (i32.sub (local.get 0) (i32.const 1321))))))) (i32.and (i32.and (i32.shr_u (i32.add (i32.or (i32.mul
(local.get 2) (i32.const 1335)) (i32.xor (local.get 1) (i32.const 1349))) (i32.rotl (i32.and (local.get 0) (i32.const 1363)) (i32.or (local.get 2) (i32.const
1377)))) (i32.sub (i32.shr_u (i32.rotl (local.get 1) (i32.const 1391)) (i32.shr_u (local.get 0) (i32.const 1405))) (i32.add (i32.add (local.get 2) (i32.const
1419)) (i32.sub (local.get 1) (i32.const 1433))))) (i32.add (i32.mul (i32.sub (i32.mul (local.get 0) (i32.const 1447)) (i32.xor (local.get 2) (i32.const
1461))) (i32.mul (i32.and (local.get 1) (i32.const 1475)) (i32.or (local.get 0) (i32.const 1489)))) (i32.xor (i32.xor (i32.rotl (local.get 2) (i32.const 1503))
(i32.shr_u (local.get 1) (i32.const 1517))) (i32.and (i32.add (local.get 0) (i32.const 1531)) (i32.sub (local.get 2) (i32.const 1545)))))) (i32.or (i32.sub
(i32.and (i32.or (i32.mul (local.get 1) (i32.const 1559)) (i32.xor (local.get 0) (i32.const 1573))) (i32.rotl (i32.and (local.get 2) (i32.const 1587)) (i32.or
(local.get 1) (i32.const 1601)))) (i32.or (i32.shr_u (i32.rotl (local.get 0) (i32.const 1615)) (i32.shr_u (local.get 2) (i32.const 1629))) (i32.add (i32.add
(local.get 1) (i32.const 1643)) (i32.sub (local.get 0) (i32.const 1657))))) (i32.mul (i32.rotl (i32.sub (i32.mul (local.get 2) (i32.const 1671)) (i32.xor
(local.get 1) (i32.const 1685))) (i32.mul (i32.and (local.get 0) (i32.const 1699)) (i32.or (local.get 2) (i32.const 1713)))) (i32.shr_u (i32.xor (i32.rotl
(local.get 1) (i32.const 1727)) (i32.shr_u (local.get 0) (i32.const 1741))) (i32.and (i32.add (local.get 2) (i32.const 1755)) (i32.sub (local.get 1) (i32.const
1769)))))))))
 (func $tree64 (param i64 i64 i64) (result i64) (i64.add (i64.rotr (i64.or (i64.rotr (i64.xor (i64.mul (i64.xor (local.get 1) (i64.const 887)) (i64.or
(local.get 0) (i64.const 901))) (i64.xor (i64.rotr (local.get 2) (i64.const 915)) (i64.shl (local.get 1) (i64.const 929)))) (i64.or (i64.or (i64.add (local.get
0) (i64.const 943)) (i64.sub (local.get 2) (i64.const 957))) (i64.rotr (i64.mul (local.get 1) (i64.const 971)) (i64.xor (local.get 0) (i64.const 985)))))
(i64.shl (i64.rotr (i64.shl (i64.or (local.get 2) (i64.const 999)) (i64.rotr (local.get 1) (i64.const 1013))) (i64.add (i64.shl (local.get 0) (i64.const 1027))
(i64.add (local.get 2) (i64.const 1041)))) (i64.shl (i64.sub (i64.sub (local.get 1) (i64.const 1055)) (i64.mul (local.get 0) (i64.const 1069))) (i64.mul
(i64.xor (local.get 2) (i64.const 1083)) (i64.or (local.get 1) (i64.const 1097)))))) (i64.rotr (i64.add (i64.add (i64.xor (i64.rotr (local.get 0) (i64.const
1111)) (i64.shl (local.get 2) (i64.const 1125))) (i64.or (i64.add (local.get 1) (i64.const 1139)) (i64.sub (local.get 0) (i64.const 1153)))) (i64.sub (i64.rotr
(i64.mul (local.get 2) (i64.const 1167)) (i64.xor (local.get 1) (i64.const 1181))) (i64.shl (i64.or (local.get 0) (i64.const 1195)) (i64.rotr (local.get 2)
(i64.const 1209))))) (i64.sub (i64.mul (i64.add (i64.shl (local.get 1) (i64.const 1223)) (i64.add (local.get 0) (i64.const 1237))) (i64.sub (i64.sub (local.get
2) (i64.const 1251)) (i64.mul (local.get 1) (i64.const 1265)))) (i64.xor (i64.mul (i64.xor (local.get 0) (i64.const 1279)) (i64.or (local.get 2) (i64.const
1293))) (i64.xor (i64.rotr (local.get 1) (i64.const 1307)) (i64.shl (local.get 0) (i64.const 1321))))))) (i64.shl (i64.shl (i64.mul (i64.or (i64.or (i64.add
(local.get 2) (i64.const 1335)) (i64.sub (local.get 1) (i64.const 1349))) (i64.rotr (i64.mul (local.get 0) (i64.const 1363)) (i64.xor (local.get 2) (i64.const
1377)))) (i64.rotr (i64.shl (i64.or (local.get 1) (i64.const 1391)) (i64.rotr (local.get 0) (i64.const 1405))) (i64.add (i64.shl (local.get 2) (i64.const
1419)) (i64.add (local.get 1) (i64.const 1433))))) (i64.xor (i64.shl (i64.sub (i64.sub (local.get 0) (i64.const 1447)) (i64.mul (local.get 2) (i64.const
1461))) (i64.mul (i64.xor (local.get 1) (i64.const 1475)) (i64.or (local.get 0) (i64.const 1489)))) (i64.add (i64.xor (i64.rotr (local.get 2) (i64.const 1503))
(i64.shl (local.get 1) (i64.const 1517))) (i64.or (i64.add (local.get 0) (i64.const 1531)) (i64.sub (local.get 2) (i64.const 1545)))))) (i64.add (i64.or
(i64.sub (i64.rotr (i64.mul (local.get 1) (i64.const 1559)) (i64.xor (local.get 0) (i64.const 1573))) (i64.shl (i64.or (local.get 2) (i64.const 1587))
(i64.rotr (local.get 1) (i64.const 1601)))) (i64.mul (i64.add (i64.shl (local.get 0) (i64.const 1615)) (i64.add (local.get 2) (i64.const 1629))) (i64.sub
(i64.sub (local.get 1) (i64.const 1643)) (i64.mul (local.get 0) (i64.const 1657))))) (i64.rotr (i64.xor (i64.mul (i64.xor (local.get 2) (i64.const 1671))
(i64.or (local.get 1) (i64.const 1685))) (i64.xor (i64.rotr (local.get 0) (i64.const 1699)) (i64.shl (local.get 2) (i64.const 1713)))) (i64.or (i64.or (i64.add
(local.get 1) (i64.const 1727)) (i64.sub (local.get 0) (i64.const 1741))) (i64.rotr (i64.mul (local.get 2) (i64.const 1755)) (i64.xor (local.get 1) (i64.const
1769)))))))))
 (func (export "tree64") (param i64) (result i64) (call $tree64 (local.get 0) (i64.mul (local.get 0) (i64.const 0x123456789abcdef)) (i64.const -3)))
 (func $treef (param f64 f64 f64) (result f64) (f64.min (f64.sub (f64.add (f64.sub (f64.sub (f64.max (local.get 0) (f64.const 439)) (f64.add (local.get 2)
(f64.const 453))) (f64.mul (f64.sub (local.get 1) (f64.const 467)) (f64.mul (local.get 0) (f64.const 481)))) (f64.mul (f64.min (f64.min (local.get 2)
(f64.const 495)) (f64.max (local.get 1) (f64.const 509))) (f64.max (f64.add (local.get 0) (f64.const 523)) (f64.sub (local.get 2) (f64.const 537))))) (f64.sub
(f64.min (f64.add (f64.mul (local.get 1) (f64.const 551)) (f64.min (local.get 0) (f64.const 565))) (f64.sub (f64.max (local.get 2) (f64.const 579)) (f64.add
(local.get 1) (f64.const 593)))) (f64.max (f64.mul (f64.sub (local.get 0) (f64.const 607)) (f64.mul (local.get 2) (f64.const 621))) (f64.min (f64.min
(local.get 1) (f64.const 635)) (f64.max (local.get 0) (f64.const 649)))))) (f64.mul (f64.mul (f64.add (f64.max (f64.add (local.get 2) (f64.const 663)) (f64.sub
(local.get 1) (f64.const 677))) (f64.add (f64.mul (local.get 0) (f64.const 691)) (f64.min (local.get 2) (f64.const 705)))) (f64.sub (f64.sub (f64.max
(local.get 1) (f64.const 719)) (f64.add (local.get 0) (f64.const 733))) (f64.mul (f64.sub (local.get 2) (f64.const 747)) (f64.mul (local.get 1) (f64.const
761))))) (f64.min (f64.mul (f64.min (f64.min (local.get 0) (f64.const 775)) (f64.max (local.get 2) (f64.const 789))) (f64.max (f64.add (local.get 1) (f64.const
803)) (f64.sub (local.get 0) (f64.const 817)))) (f64.min (f64.add (f64.mul (local.get 2) (f64.const 831)) (f64.min (local.get 1) (f64.const 845))) (f64.sub
(f64.max (local.get 0) (f64.const 859)) (f64.add (local.get 2) (f64.const 873))))))))
 (func (export "treef") (param i32) (result i64) (i64.reinterpret_f64 (call $treef (f64.convert_i32_s (local.get 0)) (f64.const 1.5) (f64.const -0.0))))
 (func $idi32 (param i32) (result i32) (local.get 0)) (func $idf64 (param f64) (result f64) (local.get 0))
 (func (export "right32") (param i32) (result i32) (i32.sub (i32.add (local.get 0) (i32.const 3)) (i32.mul (call $idi32 (i32.const 16)) (i32.xor (i32.add
(local.get 0) (i32.const 81)) (i32.add (i32.add (local.get 0) (i32.const 150)) (i32.sub (call $idi32 (i32.const 239)) (i32.mul (i32.add (local.get 0)
(i32.const 172)) (i32.xor (i32.add (local.get 0) (i32.const 93)) (i32.add (call $idi32 (i32.const 210)) (i32.sub (i32.add (local.get 0) (i32.const 27))
(i32.mul (i32.add (local.get 0) (i32.const 136)) (i32.xor (call $idi32 (i32.const 169)) (i32.add (i32.add (local.get 0) (i32.const 78)) (i32.sub (i32.add
(local.get 0) (i32.const 135)) (i32.mul (call $idi32 (i32.const 164)) (i32.xor (i32.add (local.get 0) (i32.const 53)) (i32.add (i32.add (local.get 0)
(i32.const 10)) (i32.sub (call $idi32 (i32.const 51)) (i32.mul (i32.add (local.get 0) (i32.const 0)) (i32.xor (i32.add (local.get 0) (i32.const 1)) (i32.add
(call $idi32 (i32.const 6)) (i32.sub (i32.add (local.get 0) (i32.const 31)) (i32.mul (i32.add (local.get 0) (i32.const 156)) (i32.xor (call $idi32 (i32.const
13)) (i32.add (i32.add (local.get 0) (i32.const 66)) (i32.sub (i32.add (local.get 0) (i32.const 75)) (i32.mul (call $idi32 (i32.const 120)) (i32.xor (i32.add
(local.get 0) (i32.const 89)) (i32.add (i32.add (local.get 0) (i32.const 190)) (i32.sub (call $idi32 (i32.const 183)) (i32.mul (i32.add (local.get 0)
(i32.const 148)) (i32.xor (i32.add (local.get 0) (i32.const 229)) (i32.add (call $idi32 (i32.const 122)) (i32.sub (i32.add (local.get 0) (i32.const 99))
(i32.mul (i32.add (local.get 0) (i32.const 240)) (i32.xor (call $idi32 (i32.const 177)) (i32.add (i32.add (local.get 0) (i32.const 118)) (i32.sub (i32.add
(local.get 0) (i32.const 79)) (i32.mul (call $idi32 (i32.const 140)) (i32.xor (i32.add (local.get 0) (i32.const 189)) (i32.add (i32.add (local.get 0)
(i32.const 178)) (local.get 0))))))))))))))))))))))))))))))))))))))))))
 (func $rightf (param f64) (result f64) (f64.sub (call $idf64 (f64.const 3)) (f64.mul (f64.add (local.get 0) (f64.const 16)) (f64.add (f64.add (local.get 0)
(f64.const 81)) (f64.sub (call $idf64 (f64.const 150)) (f64.mul (f64.add (local.get 0) (f64.const 239)) (f64.add (f64.add (local.get 0) (f64.const 172))
(f64.sub (call $idf64 (f64.const 93)) (f64.mul (f64.add (local.get 0) (f64.const 210)) (f64.add (f64.add (local.get 0) (f64.const 27)) (f64.sub (call $idf64
(f64.const 136)) (f64.mul (f64.add (local.get 0) (f64.const 169)) (f64.add (f64.add (local.get 0) (f64.const 78)) (f64.sub (call $idf64 (f64.const 135))
(f64.mul (f64.add (local.get 0) (f64.const 164)) (f64.add (f64.add (local.get 0) (f64.const 53)) (f64.sub (call $idf64 (f64.const 10)) (f64.mul (f64.add
(local.get 0) (f64.const 51)) (f64.add (f64.add (local.get 0) (f64.const 0)) (f64.sub (call $idf64 (f64.const 1)) (f64.mul (f64.add (local.get 0) (f64.const
6)) (f64.add (f64.add (local.get 0) (f64.const 31)) (f64.sub (call $idf64 (f64.const 156)) (f64.mul (f64.add (local.get 0) (f64.const 13)) (f64.add (f64.add
(local.get 0) (f64.const 66)) (f64.sub (call $idf64 (f64.const 75)) (f64.mul (f64.add (local.get 0) (f64.const 120)) (f64.add (f64.add (local.get 0) (f64.const
89)) (f64.sub (call $idf64 (f64.const 190)) (f64.mul (f64.add (local.get 0) (f64.const 183)) (f64.add (f64.add (local.get 0) (f64.const 148)) (local.get
0))))))))))))))))))))))))))))))))
 (func (export "rightf") (param i32) (result i64) (i64.reinterpret_f64 (call $rightf (f64.convert_i32_s (local.get 0)))))
 (func (export "lazy") (param i32) (result i32) (local i32 i32)
  (local.get 0) (local.get 1) (local.get 0) (local.set 1) (local.get 1) (local.set 0 (i32.add (local.get 0) (i32.const 3)))
  (local.get 0) (local.tee 1 (i32.sub (i32.const 100) (local.get 1))) (local.set 2 (i32.sub (local.get 2) (local.get 0)))
  (local.get 2) (local.tee 2 (i32.sub (local.get 1) (local.get 2)))
  (i32.mul) (i32.sub) (i32.add) (i32.xor) (i32.sub) (i32.add))
 (func (export "alias") (param i32) (result i32) (local i32 i32 i32)
  (local.set 1 (i32.add (local.get 0) (i32.const 1)))
  (local.set 1 (i32.sub (local.get 0) (local.get 1)))
  (local.set 0 (i32.shl (local.get 1) (local.get 0)))
  (local.set 1 (i32.sub (i32.const 7) (local.get 1)))
  (i32.store (i32.const 64) (i32.const 12345))
  (local.set 2 (i32.const 64))
  (local.set 2 (i32.add (local.get 0) (i32.load (local.get 2))))
  (local.set 3 (i32.const 60))
  (local.set 3 (i32.mul (local.get 2) (i32.load offset=4 (local.get 3))))
  (local.set 1 (select (local.get 0) (local.get 1) (i32.lt_s (local.get 2) (local.get 3))))
  (local.set 1 (select (local.get 0) (local.get 1) (f64.eq (f64.convert_i32_s (local.get 0)) (f64.const 8))))
  (local.set 2 (i32.div_s (local.get 2) (i32.or (local.get 1) (i32.const 1))))
  (local.set 0 (i32.rem_u (local.get 2) (i32.or (local.get 0) (i32.const 1))))
  (i32.sub (i32.xor (local.get 0) (local.get 1)) (i32.rotl (local.get 2) (local.get 3))))
 (global $g (mut i32) (i32.const 0))
 (func $touch (param i32) (global.set $g (i32.add (global.get $g) (local.get 0))))
 (func (export "kept") (param i32) (result i64) (local $a f64) (local $b f64) (local $i i32) (local $k i32) (local $x i64) (local $y i64) (local $z i64) (local
$u i32) (local $v i32)
  (local.set $a (f64.const 1)) (local.set $u (i32.const 5)) (local.set $v (i32.const 9)) (local.set $z (i64.const 11))
  (loop $outer
    (local.set $k (i32.const 0))
    (loop $inner
      (local.set $a (f64.add (f64.mul (local.get $a) (f64.const 1.0001)) (local.get $b)))
      (local.set $b (f64.sub (local.get $b) (f64.div (local.get $a) (f64.const 3))))
      (local.set $x (i64.add (local.get $x) (i64.extend_i32_u (local.get $k))))
      (local.set $y (i64.xor (local.get $y) (i64.mul (local.get $x) (local.get $z))))
      (local.set $u (i32.add (local.get $u) (i32.mul (local.get $v) (local.get $k))))
      (local.set $v (i32.rotl (local.get $v) (local.get $u)))
      (br_if $inner (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 20))))
    (call $touch (local.get $u))
    (if (i32.and (local.get $i) (i32.const 1)) (then (call $touch (local.get $v)) (local.set $v (i32.add (local.get $v) (local.get $i)))) (else (local.set $b
(f64.neg (local.get $b)))))
    (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.and (local.get 0) (i32.const 31)))))
  (i64.add (i64.add (i64.reinterpret_f64 (local.get $a)) (i64.reinterpret_f64 (local.get $b))) (i64.add (local.get $y) (i64.extend_i32_u (i32.add (local.get
$u) (i32.add (local.get $v) (global.get $g)))))))
 (func (export "table") (param i32) (result i32) (local i32)
  (block $4 (result i32) (block $3 (result i32) (block $2 (result i32) (block $1 (result i32) (block $0 (result i32)
   (i32.const 1000) (i32.const 7) (i32.mul (local.get 0) (i32.const 3)) (br_table 0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 0 1 2 3
4 0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 (local.get 0)))
   (i32.add (i32.const 1))) (i32.mul (i32.const 3))) (i32.sub (i32.const 5))) (i32.xor (i32.const 99))))
 (func (export "pair") (param i32) (result i32) (local i32)
  (block (result i32 i64) (i32.const 5) (i32.const 6) (i64.const 7)
    (br_if 0 (i32.gt_s (local.get 0) (i32.const 10)))
    (br_table 0 0 0 0 0 (local.get 0)))
  (i32.wrap_i64) (i32.sub)
  (i32.const 3) (i64.const 9)
  (loop (param i32 i64) (result i32 i64)
    (i64.const 1) (i64.add) (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
    (br_if 0 (i32.gt_s (i32.and (local.get 0) (i32.const 0xff)) (i32.const 3))))
  (i32.wrap_i64) (i32.add) (i32.mul))
 (func (export "params") (param i32) (result i32)
  (local.get 0) (i32.const 8) (if (param i32 i32) (result i32) (i32.ge_s (local.get 0) (i32.const 20)) (then (i32.sub)) (else (i32.mul)))
  (if (param i32) (result i32) (local.get 0) (then (i32.const 1) (i32.add)))
  (i32.const 2) (local.get 0) (if (param i32) (result i32) (then (i32.const 3) (i32.add))) (i32.add))
 (func (export "dead") (param i32) (result i32)
  (block (result i32) (i32.const 1) (br_if 0 (local.get 0)) (drop) (i32.const 2) (br 0) (i32.add) (block (loop (if (i32.const 1) (then (br_table 0 1 2
(i32.const 3))) (else (unreachable)))) (drop (i64.const 4)) (drop (f64.const 0)) (drop (f32.const 0)))
  (drop)) (if (result i32) (local.get 0) (then (return (i32.const 9)) (i32.const 7)) (else (i32.const 8) (unreachable) (drop))) (i32.add))
 (func (export "by") (param i32) (result i32) (local i32 i64)
  (local.set 2 (i64.mul (i64.extend_i32_s (local.get 0)) (i64.const 0x100000001)))
  (local.set 1 (i32.add (i32.div_u (local.get 0) (i32.const 8)) (i32.rem_u (local.get 0) (i32.const 16))))
  (local.set 1 (i32.add (local.get 1) (i32.div_u (local.get 0) (i32.const 10))))
  (local.set 1 (i32.add (local.get 1) (i32.rem_u (local.get 0) (i32.const 7))))
  (local.set 1 (i32.add (local.get 1) (i32.div_s (local.get 0) (i32.const 7))))
  (local.set 1 (i32.add (local.get 1) (i32.div_s (local.get 0) (i32.const -16))))
  (local.set 1 (i32.add (local.get 1) (i32.rem_s (local.get 0) (i32.const 8))))
  (local.set 1 (i32.add (local.get 1) (i32.rem_s (local.get 0) (i32.const -1))))
  (local.set 1 (i32.add (local.get 1) (i32.div_u (local.get 0) (i32.const -1))))
  (local.set 1 (i32.add (local.get 1) (i32.div_u (local.get 0) (i32.const 0x80000001))))
  (local.set 1 (i32.add (local.get 1) (i32.wrap_i64 (i64.div_s (local.get 2) (i64.const 1000)))))
  (local.set 1 (i32.add (local.get 1) (i32.wrap_i64 (i64.rem_u (local.get 2) (i64.const 1000)))))
  (local.set 1 (i32.add (local.get 1) (i32.wrap_i64 (i64.div_u (local.get 2) (i64.const 0x4000000000)))))
  (i32.add (local.get 1) (i32.add (i32.eqz (i32.eqz (local.get 0))) (f64.ne (f64.convert_i32_s (local.get 0)) (f64.const 3)))))
 (func (export "addresses") (param i32) (result i32)
  (i32.store offset=16 (i32.const 65000) (local.get 0)) (i64.store (i32.const 100) (i64.const 0x123456789)) (i64.store (i32.const 108) (i64.const -2))
(i32.store8 (i32.and (local.get 0) (i32.const 0xff)) (i32.const 0x1ff)) (i32.store16 offset=7 (i32.and (local.get 0) (i32.const 0xff)) (local.get 0))
  (f64.store (i32.const 200) (f64.const 2.5)) (f32.store (i32.const 208) (f32.const 0))
  (i32.add (i32.add (i32.load (i32.const 65016)) (i32.load8_s (i32.and (local.get 0) (i32.const 0xff)))) (i32.add (i32.load16_s offset=7 (i32.and (local.get 0)
(i32.const 0xff))) (i32.wrap_i64 (i64.add (i64.load (i32.const 100)) (i64.load32_s (i32.const 108)))))))
 (func (export "tables") (param i32) (result i32) (local i32 i32 i32 i32 i32 i32 i32 i32)
  (block (block (block (br_table 2 1 0 (i32.and (local.get 0) (i32.const 15)))) (local.set 1 (i32.add (local.get 4) (i32.const 1)))) (local.set 2 (i32.xor
(local.get 1) (local.get 0))))
  (block (block (block (br_table 0 1 2 0 1 2 2 1 (i32.and (local.get 0) (i32.const 15)))) (local.set 2 (i32.add (local.get 5) (i32.const 2)))) (local.set 3
(i32.xor (local.get 2) (local.get 0))))
  (block (block (block (br_table 2 1 0 (i32.and (local.get 0) (i32.const 15)))) (local.set 3 (i32.add (local.get 6) (i32.const 3)))) (local.set 4 (i32.xor
(local.get 3) (local.get 0))))
  (block (block (block (br_table 0 1 2 0 1 2 2 1 (i32.and (local.get 0) (i32.const 15)))) (local.set 4 (i32.add (local.get 7) (i32.const 4)))) (local.set 5
(i32.xor (local.get 4) (local.get 0))))
  (block (block (block (br_table 2 1 0 (i32.and (local.get 0) (i32.const 15)))) (local.set 5 (i32.add (local.get 8) (i32.const 5)))) (local.set 6 (i32.xor
(local.get 5) (local.get 0))))
  (block (block (block (br_table 0 1 2 0 1 2 2 1 (i32.and (local.get 0) (i32.const 15)))) (local.set 6 (i32.add (local.get 1) (i32.const 6)))) (local.set 7
(i32.xor (local.get 6) (local.get 0))))
  (block (block (block (br_table 2 1 0 (i32.and (local.get 0) (i32.const 15)))) (local.set 7 (i32.add (local.get 2) (i32.const 7)))) (local.set 8 (i32.xor
(local.get 7) (local.get 0))))
  (block (block (block (br_table 0 1 2 0 1 2 2 1 (i32.and (local.get 0) (i32.const 15)))) (local.set 8 (i32.add (local.get 3) (i32.const 8)))) (local.set 1
(i32.xor (local.get 8) (local.get 0))))
  (block (block (block (br_table 2 1 0 (i32.and (local.get 0) (i32.const 15)))) (local.set 1 (i32.add (local.get 4) (i32.const 9)))) (local.set 2 (i32.xor
(local.get 1) (local.get 0))))
  (block (block (block (br_table 0 1 2 0 1 2 2 1 (i32.and (local.get 0) (i32.const 15)))) (local.set 2 (i32.add (local.get 5) (i32.const 10)))) (local.set 3
(i32.xor (local.get 2) (local.get 0))))
  (block (block (block (br_table 2 1 0 (i32.and (local.get 0) (i32.const 15)))) (local.set 3 (i32.add (local.get 6) (i32.const 11)))) (local.set 4 (i32.xor
(local.get 3) (local.get 0))))
  (block (block (block (br_table 0 1 2 0 1 2 2 1 (i32.and (local.get 0) (i32.const 15)))) (local.set 4 (i32.add (local.get 7) (i32.const 12)))) (local.set 5
(i32.xor (local.get 4) (local.get 0))))
  (block (block (block (br_table 2 1 0 (i32.and (local.get 0) (i32.const 15)))) (local.set 5 (i32.add (local.get 8) (i32.const 13)))) (local.set 6 (i32.xor
(local.get 5) (local.get 0))))
  (block (block (block (br_table 0 1 2 0 1 2 2 1 (i32.and (local.get 0) (i32.const 15)))) (local.set 6 (i32.add (local.get 1) (i32.const 14)))) (local.set 7
(i32.xor (local.get 6) (local.get 0))))
  (i32.mul (i32.mul (i32.xor (i32.mul (i32.sub (i32.add (local.get 0) (local.get 1)) (i32.sub (local.get 2) (local.get 3))) (i32.mul (i32.mul (local.get 4)
(local.get 5)) (i32.xor (local.get 6) (local.get 7)))) (i32.xor (i32.xor (i32.add (local.get 8) (local.get 0)) (i32.sub (local.get 1) (local.get 2))) (i32.add
(i32.mul (local.get 3) (local.get 4)) (i32.xor (local.get 5) (local.get 6))))) (i32.add (i32.add (i32.sub (i32.add (local.get 7) (local.get 8)) (i32.sub
(local.get 0) (local.get 1))) (i32.mul (i32.mul (local.get 2) (local.get 3)) (i32.xor (local.get 4) (local.get 5)))) (i32.sub (i32.xor (i32.add (local.get 6)
(local.get 7)) (i32.sub (local.get 8) (local.get 0))) (i32.add (i32.mul (local.get 1) (local.get 2)) (i32.xor (local.get 3) (local.get 4)))))) (i32.xor
(i32.sub (i32.mul (i32.sub (i32.add (local.get 5) (local.get 6)) (i32.sub (local.get 7) (local.get 8))) (i32.mul (i32.mul (local.get 0) (local.get 1)) (i32.xor
(local.get 2) (local.get 3)))) (i32.xor (i32.xor (i32.add (local.get 4) (local.get 5)) (i32.sub (local.get 6) (local.get 7))) (i32.add (i32.mul (local.get 8)
(local.get 0)) (i32.xor (local.get 1) (local.get 2))))) (i32.mul (i32.add (i32.sub (i32.add (local.get 3) (local.get 4)) (i32.sub (local.get 5) (local.get 6)))
(i32.mul (i32.mul (local.get 7) (local.get 8)) (i32.xor (local.get 0) (local.get 1)))) (i32.sub (i32.xor (i32.add (local.get 2) (local.get 3)) (i32.sub
(local.get 4) (local.get 5))) (i32.add (i32.mul (local.get 6) (local.get 7)) (i32.xor (local.get 8) (local.get 0))))))))
 (func (export "wide") (param i32) (result i32) (local i32)
  (block (result i32 i32 i64 i32) (i32.const 4) (local.get 0) (i64.const 0x1234567890) (i32.mul (local.get 0) (local.get 0))
    (br_if 0 (i32.lt_u (local.get 0) (i32.const 5))) (br_if 0 (i32.gt_u (local.get 0) (i32.const 30)))
    (local.set 1) (local.set 0 (i32.const 77)) (local.get 1) (br_if 0 (i32.eq (local.get 1) (i32.const 64)))
    (block (param i32 i32 i64 i32) (result i32 i32 i64 i32) (br_if 1 (i32.and (local.get 1) (i32.const 1))) (br_if 0 (i32.and (local.get 1) (i32.const 2)))
     (local.set 1) (i32.wrap_i64) (local.get 1) (i32.add) (local.set 1) (i64.const 5) (local.get 1)))
  (local.set 1) (i32.wrap_i64) (i32.sub) (i32.mul) (local.get 1) (i32.xor))
 (func (export "addresses2") (param i32) (result i32) (local i32 i32) (local.set 1 (i32.and (local.get 0) (i32.const 0xfff)))
  (i32.store (i32.add (local.get 1) (i32.const 64)) (local.get 0)) (i32.store8 (i32.add (i32.const 0x100) (local.get 1)) (i32.const 77)) (i64.store (i32.add
(local.get 1) (i32.shl (local.get 1) (i32.const 2))) (i64.const -3))
  (local.set 2 (i32.load (i32.add (local.get 1) (i32.const 60)))) (local.set 1 (i32.load (i32.add (local.get 1) (i32.shl (i32.and (local.get 1) (i32.const 3))
(i32.const 3)))))
  (i32.add (i32.load8_s (i32.add (i32.const 0x100) (i32.and (local.get 0) (i32.const 0xfff)))) (i32.mul (local.get 2) (i32.add (local.get 1) (i32.load (i32.add
(i32.sub (i32.const 0) (i32.const 4)) (i32.const 8)))))))
 (func (export "wraps") (param i32) (result i32) (i32.load8_u (i32.add (local.get 0) (i32.const 0x20))))
 (func (export "wraps2") (param i32) (result i32) (i32.load8_u (i32.add (local.get 0) (i32.shl (local.get 0) (i32.const 1)))))
 (func (export "wraps3") (param i32) (result i32) (i32.store16 (i32.add (local.get 0) (i32.const -8)) (local.get 0)) (i32.const 1))
 (func (export "counts") (param i32) (result i32) (local i32 i32)
  (local.set 1 (i32.or (local.get 0) (i32.const 1)))
  (loop (local.set 2 (i32.add (local.get 2) (i32.const 3))) (br_if 0 (local.tee 1 (i32.and (local.get 1) (i32.sub (local.get 1) (i32.const 1))))))
  (loop (local.set 2 (i32.mul (local.get 2) (i32.const 5))) (local.set 0 (i32.sub (local.get 0) (i32.const 0x1000001))) (br_if 0 (i32.gt_s (local.get 0)
(i32.const 0))))
  (if (i32.and (local.get 2) (i32.const 6)) (then (local.set 2 (i32.sub (i32.const 0) (local.get 2)))))
  (select (local.get 2) (i32.const 9) (i32.xor (local.get 2) (local.get 0))))
 (func (export "mixed") (param i32) (result i32) (local i32)
  (block (result i32) (i32.const 100)
   (loop (param i32) (result i32) (local.set 1) (local.set 0 (i32.shr_u (local.get 0) (i32.const 1)))
    (local.tee 1 (i32.add (local.get 1) (local.get 0))) (br_table 0 1 (i32.eqz (local.get 0))))
   (i32.add (i32.const 5))))
 (func (export "mixed2") (param i32) (result i32) (local i32)
  (block (result i32) (i32.const 100)
   (loop (param i32) (result i32) (local.set 1) (if (i32.gt_u (local.tee 0 (i32.shr_u (local.get 0) (i32.const 1))) (i32.const 4)) (then (local.set 0 (i32.and
(local.get 0) (i32.const 7)))))
    (local.tee 1 (i32.add (local.get 1) (local.get 0))) (br_table 0 1 1 0 0 0 0 1 0 1 (i32.add (i32.eqz (local.get 0)) (local.get 0))))))
)
