-- Adds to the number of replies of discussions (parallel arrays, each discussion once; null: none
-- at all), and says whether they have a solution. Discussions that are gone are passed over.
create or replace function learn_internal.count_replies(
  p_discussion_ids bigint[], p_replies integer[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_discussion_ids is null then
    return;
  end if;
  perform from learn.discussions d where d.id = any (p_discussion_ids)
  order by d.id for no key update;
  update learn.discussions d
  set reply_count = d.reply_count + g.replies, is_solved = s.is_solved
  from unnest(p_discussion_ids, p_replies) g(discussion_id, replies)
  cross join lateral (
    select exists (
      select from learn.replies r
      where r.discussion_id = g.discussion_id and r.is_solution) as is_solved
  ) s
  where d.id = g.discussion_id and (g.replies <> 0 or d.is_solved <> s.is_solved);
end;
$$;
comment on function learn_internal.count_replies(bigint[], integer[]) is
  'Adds to the replies of discussions, and says whether they are solved.';
revoke all on function learn_internal.count_replies(bigint[], integer[]) from public;
