-- Counts replies and votes of the posts of users again. The caller has locked the users.
create or replace function learn_internal.recount_posts(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from learn.discussions d where d.author_id = any (p_user_ids)
  order by d.id for no key update;
  update learn.discussions d
  set reply_count = c.reply_count, upvote_count = c.upvote_count,
    downvote_count = c.downvote_count, is_solved = c.is_solved
  from learn_internal.discussion_recounts c
  where d.author_id = any (p_user_ids) and c.discussion_id = d.id
    and (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved)
      <> (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved);

  perform from learn.replies r where r.author_id = any (p_user_ids)
  order by r.id for no key update;
  update learn.replies r
  set upvote_count = c.upvote_count, downvote_count = c.downvote_count
  from learn_internal.reply_recounts c
  where r.author_id = any (p_user_ids) and c.reply_id = r.id
    and (r.upvote_count, r.downvote_count) <> (c.upvote_count, c.downvote_count);
end;
$$;
comment on function learn_internal.recount_posts(uuid[]) is
  'Counts replies and votes of the posts of users again.';
