-- Content, rules, settings and rights: who changed them is written down in learn.audit_log, row by row. These tables
-- change seldom, and by people.

-- When such a row is written: what was changed. What Laurel itself keeps up to date in them is no change.
create or replace function learn_internal.audit_row()
returns trigger
language plpgsql
volatile
security definer                  -- nobody writes the log themselves
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_kept text[] := learn_internal.kept_columns();
  v_old  jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - v_kept end;
  v_new  jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - v_kept end;
  v_about text := coalesce(v_old, v_new) ->> case tg_table_name when 'users' then 'id' when 'learner_roles' then 'user_id' end;
  v_key  jsonb;
begin
  if tg_table_name = 'users' then  -- what they may, not who they are
    select jsonb_object_agg(k, v_old -> k), jsonb_object_agg(k, v_new -> k) into v_old, v_new
    from unnest(array['id', 'role', 'is_active', 'is_verified']) k;
  end if;
  if v_old = v_new then
    return null;
  end if;
  select jsonb_object_agg(a.attname, coalesce(v_new, v_old) -> a.attname) into v_key
  from pg_index i
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
  where i.indrelid = tg_relid and i.indisprimary;
  if tg_op = 'UPDATE' then
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, v_new -> o.key) into v_old, v_new
    from jsonb_each(v_old) o
    where o.value is distinct from v_new -> o.key;
  end if;
  perform learn_internal.audit(lower(tg_op collate "C"), tg_table_name, v_about::uuid, v_key, v_old, v_new);
  return null;
end;
$$;
comment on function learn_internal.audit_row() is
  'Row trigger: writes down in audit_log who changed a row, and what.';

-- When rights of users change.
create or replace trigger audit
  after update of role, is_active, is_verified on learn.users
  for each row
  when ((old.role, old.is_active, old.is_verified) is distinct from (new.role, new.is_active, new.is_verified))
  execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.achievements
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.activity_types
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.avatars
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.challenge_levels
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.challenge_prerequisites
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.challenges
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.course_levels
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.course_prerequisites
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.courses
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.daily_challenges
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.difficulties
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.exam_types
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.exercises
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.learning_path_tracks
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.learning_paths
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.lessons
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.level_thresholds
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.metrics
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.notification_rules
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.period_rewards
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.platform_settings
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.questions
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.skill_prerequisites
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.skills
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.track_lessons
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.track_prerequisites
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.tracks
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.xp_rules
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.rate_limits
  for each row execute function learn_internal.audit_row();

create or replace trigger audit after insert or update or delete on learn.content_reviews
  for each row execute function learn_internal.audit_row();

-- Which login role is which learner.
create or replace trigger audit after insert or update or delete on learn_internal.learner_roles
  for each row execute function learn_internal.audit_row();
