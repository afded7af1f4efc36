-- Undoes migration11.sql.

set role learn_owner;

drop view learn.user_dashboard;
drop view learn.achievement_catalog;

reset role;
