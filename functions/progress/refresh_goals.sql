-- After a change of content: recounts learning paths and difficulties for everybody
-- who has completed a track of them.
create or replace function learn_internal.refresh_goals(
  p_path_ids bigint[], p_difficulties text[] default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
  v_facts    learn_internal.fact[];
begin
  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_path_progress p where p.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.path_recounts r where r.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.difficulty_recounts r
      where r.difficulty = any (p_difficulties))
    order by s.user_id
    for no key update
  ) l;
  if v_user_ids is null then
    return;
  end if;

  select array_agg(f::learn_internal.fact) into v_facts
  from (
    select p.* from learn_internal.refresh_paths(v_user_ids, p_path_ids) p
    union all
    select d.* from learn_internal.refresh_difficulties(v_user_ids, p_difficulties) d
  ) f;
  perform learn_internal.write_facts(v_facts);
end;
$$;
comment on function learn_internal.refresh_goals(bigint[], text[]) is
  'Recounts learning paths and difficulties for everybody concerned, after a change of content.';
