-- Writes the facts of replies that were accepted for the first time, except where the author
-- of the discussion has answered their own question. Takes the ids of the replies.
create or replace function learn_internal.write_solutions(p_reply_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts learn_internal.fact[];
begin
  select array_agg(
    (r.author_id, 'solution_accepted', 'reply', r.id::text,
      jsonb_build_object('discussion_id', r.discussion_id), null,
      r.first_accepted_at)::learn_internal.fact
    order by r.author_id, r.first_accepted_at, r.id)
  into v_facts
  from learn.replies r
  join learn.discussions d on d.id = r.discussion_id
  where r.id = any (p_reply_ids) and r.author_id <> d.author_id;
  if v_facts is null then
    return;
  end if;
  perform from learn.user_stats s
  where s.user_id = any (array(select f.user_id from unnest(v_facts) f))
  order by s.user_id for no key update;
  perform learn_internal.write_facts(v_facts);
end;
$$;
comment on function learn_internal.write_solutions(bigint[]) is
  'Writes the facts of replies that were accepted for the first time.';
revoke all on function learn_internal.write_solutions(bigint[]) from public;
