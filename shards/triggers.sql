-- The triggers by which Laurel's tables know of the cluster. Only those of this database's part are made.

set role learn_owner;

create or replace function learn_shard.make_triggers()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_number integer := (select m.number from learn_shard.member m);
  v_table  regclass;
begin
  create or replace trigger a_shard_name_user before insert on learn.users
    for each row when (coalesce(current_setting('learn_shard.new_user', true), '') <> '')
    execute function learn_shard.name_user();
  create or replace trigger a_shard_refuse_learners before insert on learn.users
    for each row when (coalesce(current_setting('learn_shard.new_user', true), '') = '' and pg_trigger_depth() = 0)
    execute function learn_shard.refuse_learners();
  if v_number = 0 then
    create or replace trigger z_shard_tell_facts after insert on learn.activity_log
      referencing new table as new_rows for each statement
      execute function learn_shard.tell_facts();
    create or replace trigger z_shard_tell_profile after update on learn.users
      for each row when (coalesce(current_setting('learn_shard.is_silent', true), '') = '')
      execute function learn_shard.tell_profile();
    create or replace trigger z_shard_tell_erasure after delete on learn.users
      for each row when (coalesce(current_setting('learn_shard.is_silent', true), '') = '')
      execute function learn_shard.tell_erasure();
  else
    for v_table in select t.name from learn_shard.content_tables() t loop
      execute format('create or replace trigger a_shard_refuse_content before insert or update or delete on %s'
        ' for each statement when (pg_trigger_depth() = 0) execute function learn_shard.refuse_content()', v_table);
    end loop;
  end if;
end;
$$;
comment on function learn_shard.make_triggers() is 'Makes the triggers by which Laurel''s tables know of the cluster.';

reset role;
