-- Undoes migration13.sql.

set role learn_owner;

drop function learn_internal.merge_rows(regclass,text[],jsonb,text[]);

reset role;
