-- Finds a post and locks what a change of it touches: its discussion, then, for a reply, the reply and the accepted
-- solution, in key order. So who writes in a discussion takes turns there.
-- Errors: LX003.
create or replace function learn_internal.lock_post(p_discussion_id bigint, p_reply_id bigint default null)
returns learn_internal.post
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_post learn_internal.post;
begin
  select d.id, d.author_id, d.author_id, d.course_id into v_post
  from learn.discussions d
  where d.id = coalesce(p_discussion_id, (select r.discussion_id from learn.replies r where r.id = p_reply_id))
  for no key update;
  if found and p_reply_id is not null then
    perform from learn.replies r
    where r.discussion_id = v_post.discussion_id and (r.is_solution or r.id = p_reply_id)
    order by r.id
    for no key update;
    select r.author_id into v_post.author_id
    from learn.replies r
    where r.id = p_reply_id and r.discussion_id = v_post.discussion_id;
  end if;
  if not found then
    raise exception 'unknown %', case when p_reply_id is null then 'discussion' else 'reply' end
      using errcode = 'LX003',
        detail = format('discussion_id = %s, reply_id = %s',
          coalesce(p_discussion_id::text, 'null'), coalesce(p_reply_id::text, 'null')),
        hint = 'Look it up in learn.discussions and learn.replies; it may have been deleted.';
  end if;
  return v_post;
end;
$$;
comment on function learn_internal.lock_post(bigint, bigint) is
  'Finds a discussion or a reply and locks it, the discussion first (LX003).';
