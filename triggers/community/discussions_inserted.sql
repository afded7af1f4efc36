-- When discussions are started: each is a fact of its author.
create or replace function learn_internal.discussions_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_facts learn_internal.fact[];
begin
  select array_agg(
    (n.author_id, 'discussion_posted', 'discussion', n.id::text,
      jsonb_strip_nulls(jsonb_build_object('course_id', n.course_id, 'category', n.category)),
      null, n.created_at)::learn_internal.fact
    order by n.author_id, n.id)
  into v_facts
  from new_rows n;
  if v_facts is null then
    return null;
  end if;
  perform from learn.user_stats s
  where s.user_id = any (array(select f.user_id from unnest(v_facts) f))
  order by s.user_id for no key update;
  perform learn_internal.write_facts(v_facts);
  return null;
end;
$$;
comment on function learn_internal.discussions_inserted() is
  'Statement trigger: new discussions become facts.';
revoke all on function learn_internal.discussions_inserted() from public;

create or replace trigger discussions_inserted
  after insert on learn.discussions
  referencing new table as new_rows
  for each statement
  execute function learn_internal.discussions_inserted();
comment on trigger discussions_inserted on learn.discussions is 'New discussions become facts.';
