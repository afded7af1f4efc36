-- What the counts of discussions must say, from replies and votes.
create or replace view learn_internal.discussion_recounts as
select d.id as discussion_id, d.author_id, r.reply_count, r.is_solved,
  v.upvote_count, v.downvote_count
from learn.discussions d
cross join lateral (
  select count(*)::integer as reply_count, coalesce(bool_or(a.is_solution), false) as is_solved
  from learn.replies a
  where a.discussion_id = d.id
) r
cross join lateral (
  select count(*) filter (where a.vote_type = 'upvote')::integer as upvote_count,
    count(*) filter (where a.vote_type = 'downvote')::integer as downvote_count
  from learn.discussion_votes a
  where a.discussion_id = d.id
) v;
comment on view learn_internal.discussion_recounts is
  'Replies and votes of discussions, counted from their rows.';
