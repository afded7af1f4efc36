-- Before a user is deleted: the discussions that they took part in are locked, in key order and
-- before any reply, as by everybody who writes in them.
create or replace function learn_internal.lock_posts()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from learn.discussions d
  where d.id in (
    select a.id from learn.discussions a where a.author_id = old.id
    union all
    select r.discussion_id from learn.replies r where r.author_id = old.id
    union all
    select coalesce(v.discussion_id, r.discussion_id)
    from learn.discussion_votes v
    left join learn.replies r on r.id = v.reply_id
    where v.user_id = old.id)
  order by d.id
  for no key update;
  return old;
end;
$$;
comment on function learn_internal.lock_posts() is
  'Row trigger: locks the discussions that a user took part in, before the user is deleted.';
revoke all on function learn_internal.lock_posts() from public;

create or replace trigger lock_posts
  before delete on learn.users
  for each row
  execute function learn_internal.lock_posts();
comment on trigger lock_posts on learn.users is
  'Locks the discussions that the user took part in.';
