-- SPDX-License-Identifier: Apache-2.0
pragma journal_mode = wal;
create table t (n integer primary key, a integer, s text);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000)
insert into t select x, x * 7919 % 10007, hex(x) from c;
create index i on t (a);
select count(*), sum(a), max(s) from t;
begin; update t set s = s || 'x' where a < 100; rollback;
begin; delete from t where n % 3 = 0; commit;
select count(*), sum(length(s)) from t;
vacuum;
