-- Issues the certificates of completed courses (parallel arrays: who, which course, when).
-- Whoever has one keeps it as it is. The caller has locked the users.
create or replace function learn_internal.issue_certificates(
  p_user_ids uuid[], p_course_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
begin
  if coalesce(cardinality(p_user_ids), 0) = 0 then
    return;
  end if;
  insert into learn.nft_certificates (user_id, course_id, course_title, completed_on)
  select d.user_id, d.course_id, c.title, (learn_internal.local_date(d.user_id, d.at)).local_date
  from (
    select p.user_id, p.course_id, min(p.at) as at
    from unnest(p_user_ids, p_course_ids, p_at) p(user_id, course_id, at)
    group by p.user_id, p.course_id
  ) d
  join learn.users u on u.id = d.user_id
  join learn.courses c on c.id = d.course_id
  where not exists (
    select from learn.nft_certificates e
    where e.user_id = d.user_id and e.course_id = d.course_id)
  order by d.user_id, d.at, d.course_id
  on conflict (user_id, course_id) do nothing;
end;
$$;
comment on function learn_internal.issue_certificates(uuid[], bigint[], timestamptz[]) is
  'Issues the certificates of completed courses: who, which course, when. Once each.';
