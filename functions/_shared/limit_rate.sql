-- Counts a call of a user, and refuses it when there were as many as may be in the last seconds. A call that fails,
-- or that is a retry, is not counted. The caller has locked the user.
-- Errors: LX008, with the seconds to wait in HINT.
create or replace function learn_internal.limit_rate(p_user_id uuid, p_kind text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := learn.clock();
  v_limit learn.rate_limits;
  v_calls timestamptz[];
begin
  select r.* into v_limit from learn.rate_limits r where r.kind = p_kind;
  select array(
    select a.at from unnest(c.called_at) a(at)
    where a.at > v_now - make_interval(secs => v_limit.per_seconds)
    order by a.at)
  into v_calls
  from learn_internal.recent_calls c
  where c.user_id = p_user_id and c.kind = p_kind;
  if cardinality(v_calls) >= v_limit.max_calls then
    raise exception 'too many calls of %', p_kind
      using errcode = 'LX008',
        detail = format('%s calls in the last %s seconds, at most %s',
          cardinality(v_calls), v_limit.per_seconds, v_limit.max_calls),
        hint = format('Nothing was changed. Try again in %s seconds.', ceil(extract(epoch from
          v_calls[cardinality(v_calls) - v_limit.max_calls + 1]
          + make_interval(secs => v_limit.per_seconds) - v_now)));
  end if;
  insert into learn_internal.recent_calls as c (user_id, kind, called_at)
  values (p_user_id, p_kind, array[v_now])
  on conflict (user_id, kind) do update set called_at = coalesce(v_calls, '{}'::timestamptz[]) || v_now;
end;
$$;
comment on function learn_internal.limit_rate(uuid, text) is
  'Counts a call of a user, or refuses it (LX008) when there were too many in the seconds before.';
