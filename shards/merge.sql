-- Merging two accounts: home decides, and notes it for the shard of the one that stays. The rows of the one that goes are
-- packed on its shard, which is then rid of it, brought by the proxy, and merged there. Each step may be repeated: what
-- was packed (packing.sql) is kept until it has been merged.

set role learn_owner;

-- On home: makes two accounts one in the directory and the community, and notes it for the shard, with the profile that
-- came of it.
-- Errors: as learn.merge_users(); LX015 one of them is being registered.
create or replace function learn_shard.merge_users(p_from uuid, p_into uuid)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_summary learn.award_summary;
  v_own     jsonb;                  -- discussions of one in which the other's solution was accepted
begin
  if exists (select from learn_shard.claims c where c.user_id in (p_from, p_into)) then
    raise exception 'an account is being registered'
      using errcode = 'LX015', detail = format('p_from = %s, p_into = %s', p_from, p_into),
        hint = 'Call again in a moment. What a crash has left, `dbtool shards drain` finishes.';
  end if;
  v_own := (
    select jsonb_agg(distinct jsonb_build_object('id', d.id, 'author_id', d.author_id))
    from learn_internal.all_facts f
    join learn.discussions d on d.id::text = f.properties ->> 'discussion_id'
      and d.author_id in (p_from, p_into) and d.author_id <> f.user_id
    where f.user_id in (p_from, p_into) and f.activity_type = 'solution_accepted');
  perform set_config('learn_shard.is_silent', 'on', true);
  v_summary := learn.merge_users(p_from, p_into);
  perform set_config('learn_shard.is_silent', '', true);
  if not v_summary.replayed then
    insert into learn_shard.forwards (user_id, kind, payload)
    select p_into, 'merge', jsonb_build_object('from', p_from, 'discussions', coalesce(v_own, '[]'))
    union all
    select p_into, 'profile', jsonb_agg(a.attname)
    from pg_attribute a
    where a.attrelid = 'learn.users'::regclass and a.attnum > 0 and not a.attisdropped
      and a.attname <> all (learn_shard.own_columns());
  end if;
  return v_summary;
end;
$$;
comment on function learn_shard.merge_users(uuid, uuid) is
  'On home: makes two accounts one in the directory and the community, and notes it for the shard.';

-- On the shard that had it: what was packed of an account has been merged.
create or replace function learn_shard.forget_learner(p_user_id uuid, p_into uuid)
returns void
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  delete from learn_shard.departed d where d.user_id = p_user_id;
  if found then
    perform learn_internal.audit('merge_users', 'user', p_user_id, jsonb_build_object('into', p_into));
  end if;
end;
$$;
comment on function learn_shard.forget_learner(uuid, uuid) is
  'On the shard that had it: what was packed of an account has been merged.';

-- On a shard, before it takes what home tells. Where an account is to be merged nobody else writes for learners, and
-- sequences go beyond the rows that it brings: what comes later has the larger id.
-- Errors: 55P03 learners were too busy.
create or replace function learn_shard.hold_for(p_forwards jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if not p_forwards @> '[{"kind": "merge"}]' then
    perform learn_internal.hold_content();
    return;
  end if;
  perform from learn_internal.turns t where t.name = 'partitions' for share;
  perform learn_internal.wait_for_learners('merge_users');
  perform learn_shard.raise_sequences(array_agg(s.name), array_agg(s.value))
  from (
    select pg_get_serial_sequence(b.key, a.attname) as name, max(nullif(r.value ->> a.attname, '')::bigint) as value
    from jsonb_array_elements(p_forwards) f
    cross join lateral jsonb_each(f.value #> '{payload,packed,tables}') b
    join pg_attribute a on a.attrelid = to_regclass(b.key) and a.attidentity <> ''
    cross join lateral jsonb_array_elements(nullif(b.value, 'null')) r
    group by b.key, a.attname
  ) s
  having count(*) > 0;
end;
$$;
comment on function learn_shard.hold_for(jsonb) is
  'On a shard, before it takes what home tells: holds content, or learners and sequences where an account is merged.';

-- On the shard of the account that stays: merges the one that was brought into it. The caller holds what hold_for() holds.
-- Errors: LX015 it cannot be merged yet.
create or replace function learn_shard.take_merge(p_user_id uuid, p_merge jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from   constant uuid := (p_merge ->> 'from')::uuid;
  v_packed constant jsonb := p_merge -> 'packed';
begin
  if coalesce(v_packed, '{}') = '{}' or exists (select from learn.users u where u.id = v_from)
    or not exists (select from learn.users u where u.id = p_user_id)
    or (v_packed ->> 'version')::bigint > (select a.version from learn_shard.applied_version a)
    or exists (
      select from jsonb_array_elements(nullif(v_packed #> '{tables,learn.period_standings}', 'null')) s
      where not exists (
        select from learn.closed_periods c
        where (c.metric, c.period, c.starts_on::text)
          = (s.value ->> 'metric', s.value ->> 'period', s.value ->> 'starts_on')))
  then
    raise exception 'the account cannot be merged yet'
      using errcode = 'LX015', detail = format('user %s into %s: rows, content or closed periods are not here', v_from, p_user_id),
        hint = 'Call again when learners have moved, `dbtool shards sync` has run, and close_period() is finished.';
  end if;
  -- Of a period that is being closed no shard has paid yet, as the other one has waited: it is frozen anew.
  with anew as (
    delete from learn_shard.frozen_periods p
    where (p.metric, p.period, p.starts_on) not in (select c.metric, c.period, c.starts_on from learn.closed_periods c)
    returning p.*
  )
  delete from learn_shard.frozen f using anew p
  where (f.metric, f.period, f.starts_on) = (p.metric, p.period, p.starts_on);
  perform learn_shard.unpack_learner(v_from, v_packed);
  perform learn_shard.number_facts(array[v_from, p_user_id]);
  perform learn_internal.tally_user(v_from, 1);
  perform learn_shard.lend_discussions(p_merge -> 'discussions', true);
  perform learn.merge_users(v_from, p_user_id);
  perform learn_shard.lend_discussions(p_merge -> 'discussions', false);
  perform learn_shard.forget_note(v_from);
  update learn_shard.answers a set user_id = p_user_id
  where a.user_id = v_from and not exists (
    select from learn_shard.answers o where o.user_id = p_user_id and o.key = a.key);
  delete from learn_shard.answers a where a.user_id = v_from;
end;
$$;
comment on function learn_shard.take_merge(uuid, jsonb) is
  'On the shard of the account that stays: merges the one that was brought into it.';

grant execute on function learn_shard.merge_users(uuid, uuid), learn_shard.forget_learner(uuid, uuid) to learn_router;

reset role;
revoke all on all functions in schema learn_shard from public;
