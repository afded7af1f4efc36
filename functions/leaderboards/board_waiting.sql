-- What waits to be merged into a board, of all users or (p_user_ids) of some: added up by user.
create or replace function learn_internal.board_waiting(p_board learn_internal.board, p_user_ids uuid[])
returns learn_internal.board_waiting
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- whatever the size of board_gains was
set enable_seqscan = off
set enable_bitmapscan = off  -- an index scan skips from then on what it has found to be merged
set enable_sort = off        -- hashed, however few there were
set jit = off
as $$
declare
  v_marks   constant text[] := case (p_board).metric
    when 'current_streak' then array['', 'current_streak'] else array[''] end;
  v_waiting learn_internal.board_waiting;
begin
  if not (p_board).is_kept then
    v_waiting.recounted := '{}';
    return v_waiting;
  end if;
  if p_user_ids is null then
    v_waiting.recounted := array(
      select distinct g.user_id from learn_internal.board_gains g where g.metric = any (v_marks));
  else
    v_waiting.recounted := array(
      select distinct g.user_id from learn_internal.board_gains g
      where g.user_id = any (p_user_ids) and g.metric || '' = any (v_marks));
  end if;
  if (p_board).metric = 'current_streak' then
    return v_waiting;
  end if;
  if p_user_ids is not null then
    select array_agg(w.user_id), array_agg(w.amount), greatest(max(w.amount), 0), least(min(w.amount), 0)
    into v_waiting.user_ids, v_waiting.amounts, v_waiting.most, v_waiting.least
    from (
      select g.user_id,
        (case when (p_board).is_maximum then max(g.amount) else sum(g.amount) end)::bigint as amount
      from learn_internal.board_gains g
      where g.user_id = any (p_user_ids) and g.metric || '' = (p_board).metric  -- by user, that is
        and g.local_date >= (p_board).starts_on and g.local_date < (p_board).ends_on
        and g.user_id not in (select r from unnest(v_waiting.recounted) r)
      group by g.user_id
    ) w;
  else
    select array_agg(w.user_id), array_agg(w.amount), greatest(max(w.amount), 0), least(min(w.amount), 0)
    into v_waiting.user_ids, v_waiting.amounts, v_waiting.most, v_waiting.least
    from (
      select g.user_id,
        (case when (p_board).is_maximum then max(g.amount) else sum(g.amount) end)::bigint as amount
      from learn_internal.board_gains g
      where g.metric = (p_board).metric
        and g.local_date >= (p_board).starts_on and g.local_date < (p_board).ends_on
        and g.user_id not in (select r from unnest(v_waiting.recounted) r)
      group by g.user_id
    ) w;
  end if;
  return v_waiting;
end;
$$;
comment on function learn_internal.board_waiting(learn_internal.board, uuid[]) is
  'What waits to be merged into a board, of all users or of some.';
