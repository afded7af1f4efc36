-- Where posts are not what replies and votes say, or no facts: the part of check_integrity()
-- about the community.
create or replace view learn_internal.community_damage (check_name, user_id, expected, actual) as
select 'discussion_counts_follow_from_rows', d.author_id,
  format('discussion %s: %s', d.id,
    (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)),
  format('discussion %s: %s', d.id,
    (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved))
from learn.discussions d
join learn_internal.discussion_recounts c on c.discussion_id = d.id
where (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved)
  <> (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)
union all
select 'reply_counts_follow_from_votes', r.author_id,
  format('reply %s: %s', r.id, (c.upvote_count, c.downvote_count)),
  format('reply %s: %s', r.id, (r.upvote_count, r.downvote_count))
from learn.replies r
join learn_internal.reply_recounts c on c.reply_id = r.id
where (r.upvote_count, r.downvote_count) <> (c.upvote_count, c.downvote_count)
union all
select 'posts_are_facts', p.user_id,
  format('%s for %s %s', p.activity_type, p.subject_type, p.subject_id), 'none'
from learn_internal.post_facts p
left join learn_internal.all_facts f on f.user_id = p.user_id and f.activity_type = p.activity_type
  and f.activity_type in ('discussion_posted', 'reply_posted')  -- said, so that few are hashed
  and f.subject_type = p.subject_type and f.subject_id = p.subject_id
where f.id is null
union all
select 'posts_are_facts', r.author_id,
  format('a fact for an accepted reply in discussion %s', r.discussion_id), 'none'
from learn.replies r
join learn.discussions d on d.id = r.discussion_id and d.author_id is distinct from r.author_id
where r.first_accepted_at is not null and r.author_id is not null and not exists (
  select from learn_internal.all_facts f
  where f.user_id = r.author_id and f.activity_type = 'solution_accepted'
    and (f.subject_id = r.id::text or f.properties ->> 'discussion_id' = r.discussion_id::text))
union all
select 'nobody_votes_for_themselves', v.user_id, 'no vote',
  format('a vote for discussion %s, reply %s', v.discussion_id, v.reply_id)
from learn.discussion_votes v
where v.user_id = coalesce(
  (select d.author_id from learn.discussions d where d.id = v.discussion_id),
  (select r.author_id from learn.replies r where r.id = v.reply_id));
comment on view learn_internal.community_damage is
  'Where posts are not what replies and votes say, or no facts; no row when all is well.';
