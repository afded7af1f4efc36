-- Erases a user: every row that is theirs, at once. Posts stay without a name, or go too. Nobody else writes for
-- learners until this commits, so do nothing else in the transaction.
-- Errors: LX001 p_posts is neither keep nor delete; LX002; 55P03 learners were too busy: call it again.
create or replace function learn.erase_user(p_user_id uuid, p_posts text default 'keep')
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_size('p_posts', length(p_posts), 100);
  if p_posts is null or p_posts not in ('keep', 'delete') then
    raise exception 'posts are kept or deleted'
      using errcode = 'LX001', detail = format('p_posts = %L', p_posts),
        hint = 'Pass keep, so that posts stay without a name, or delete.';
  end if;
  perform learn_internal.require_user(p_user_id);
  perform from learn_internal.turns t where t.name = 'partitions' for share;  -- nobody archives meanwhile
  if p_posts = 'delete' then
    delete from learn.discussions d where d.author_id = p_user_id;
    delete from learn.replies r where r.author_id = p_user_id;
  end if;
  delete from learn.users u where u.id = p_user_id;
  perform learn_internal.audit('erase_user', 'user', p_user_id, jsonb_build_object('posts', p_posts));
end;
$$;
comment on function learn.erase_user(uuid, text) is
  'Erases a user and every row that is theirs. Posts stay without a name (keep), or go, replies to them included (delete).';
grant execute on function learn.erase_user(uuid, text) to learn_app;
