-- The facts that posts are: what the log must hold of discussions and replies.
create or replace view learn_internal.post_facts as
select d.author_id as user_id, 'discussion_posted' as activity_type,
  'discussion' as subject_type, d.id::text as subject_id
from learn.discussions d
where d.author_id is not null
union all
select r.author_id, 'reply_posted', 'reply', r.id::text
from learn.replies r
where r.author_id is not null;
comment on view learn_internal.post_facts is
  'The facts that follow from discussions and replies.';
