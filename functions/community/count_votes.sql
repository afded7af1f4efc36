-- Adds to the votes of discussions and replies (parallel arrays, each target once; null: none
-- at all). Discussions are locked before replies, both in key order; what is gone is passed over.
create or replace function learn_internal.count_votes(
  p_discussion_ids bigint[], p_reply_ids bigint[], p_upvotes integer[], p_downvotes integer[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if array_remove(p_discussion_ids, null) <> '{}' then
    perform from learn.discussions d where d.id = any (p_discussion_ids)
    order by d.id for no key update;
    update learn.discussions d
    set upvote_count = d.upvote_count + g.upvotes, downvote_count = d.downvote_count + g.downvotes
    from unnest(p_discussion_ids, p_upvotes, p_downvotes) g(discussion_id, upvotes, downvotes)
    where d.id = g.discussion_id and (g.upvotes <> 0 or g.downvotes <> 0);
  end if;
  if array_remove(p_reply_ids, null) <> '{}' then
    perform from learn.replies r where r.id = any (p_reply_ids) order by r.id for no key update;
    update learn.replies r
    set upvote_count = r.upvote_count + g.upvotes, downvote_count = r.downvote_count + g.downvotes
    from unnest(p_reply_ids, p_upvotes, p_downvotes) g(reply_id, upvotes, downvotes)
    where r.id = g.reply_id and (g.upvotes <> 0 or g.downvotes <> 0);
  end if;
end;
$$;
comment on function learn_internal.count_votes(bigint[], bigint[], integer[], integer[]) is
  'Adds to the votes of discussions and replies.';
revoke all on function learn_internal.count_votes(bigint[], bigint[], integer[], integer[])
  from public;
