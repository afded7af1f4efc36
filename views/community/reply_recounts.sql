-- What the counts of replies must say, from votes.
create or replace view learn_internal.reply_recounts as
select r.id as reply_id, r.author_id, v.upvote_count, v.downvote_count
from learn.replies r
cross join lateral (
  select count(*) filter (where a.vote_type = 'upvote')::integer as upvote_count,
    count(*) filter (where a.vote_type = 'downvote')::integer as downvote_count
  from learn.discussion_votes a
  where a.reply_id = r.id
) v;
comment on view learn_internal.reply_recounts is 'Votes of replies, counted from their rows.';
