-- SPDX-License-Identifier: Apache-2.0
create table town(id int primary key, name varchar(20), height decimal(6, 1));
insert into town values (1, 'Lübeck', 13), (2, 'Goslar', 255), (3, 'Ulm', 478), (4, 'Emden', 1);
update town set height = height + 0.5 where name like 'U%';
select name, rank() over (order by height desc) place from town order by place;
select count(*), sum(height) from town where height > 10;
call csvwrite('out/towns.csv', 'select * from town order by id');
