-- Undoes migration17.sql.

set role learn_owner;

drop trigger imported_progress_deleted on learn.imported_challenge_progress;
drop trigger imported_progress_hold on learn.imported_challenge_progress;
drop trigger imported_progress_inserted on learn.imported_challenge_progress;
drop trigger imported_progress_updated on learn.imported_challenge_progress;
drop function learn.import_old_progress();
drop function learn_internal.apply_imports(uuid[],bigint[],integer[]);
drop function learn_internal.imported_progress_inserted();
drop function learn_internal.imported_progress_updated();
drop function learn_internal.write_past_facts(learn_internal.fact[]);
drop view learn_internal.old_progress_rows;

drop table learn.imported_challenge_progress;
drop table learn.old_progress_table;

reset role;
