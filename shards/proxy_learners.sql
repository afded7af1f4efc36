-- What the proxy does for learners in several calls: erasing, merging, exporting, and recording for many.

set role learn_owner;

-- Erases a user: on home, with the posts or without, and then on the shard.
-- Errors: as on one database.
create or replace function learn.erase_user(p_user_id uuid, p_posts text default 'keep')
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  begin
    perform learn_proxy.home_erase_user(p_user_id, p_posts);
  exception
    when sqlstate 'LX002' then  -- gone from home, perhaps by a call that was cut off
      if learn_proxy.drain_learner(p_user_id) = 0 then
        raise;
      end if;
  end;
  perform learn_proxy.drain_learner(p_user_id);
end;
$$;
comment on function learn.erase_user(uuid, text) is
  'Erases a user and every row that is theirs. Posts stay without a name (keep), or go, replies to them included (delete).';
grant execute on function learn.erase_user(uuid, text) to learn_app;

-- Makes two accounts of one person one: home decides, then the rows of p_from come to p_into's shard and are merged there.
-- What a crash leaves, calling again finishes, or drain().
-- Errors: as on one database; LX015.
create or replace function learn.merge_users(p_from uuid, p_into uuid)
returns learn.award_summary
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_proxy.drain_learner(p_from);
  return learn_proxy.settle(p_into, null, learn_proxy.home_merge_users(p_from, p_into));
end;
$$;
comment on function learn.merge_users(uuid, uuid) is
  'Makes two accounts of one person one: everything of p_from comes to p_into, each fact once, and p_from is gone.';
grant execute on function learn.merge_users(uuid, uuid) to learn_app;

-- All that is known of a user: what the shard has, with the posts and votes that home has.
create or replace function learn.export_user(p_user_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_export jsonb := learn_proxy.shard_export_user(p_user_id);
begin
  return jsonb_set(v_export, '{learn}', (v_export -> 'learn') || (
    select jsonb_object_agg(t.key, t.value)
    from jsonb_each(learn_proxy.home_export_user(p_user_id) -> 'learn') t
    where t.key in ('discussions', 'replies', 'discussion_votes')));
end;
$$;
comment on function learn.export_user(uuid) is
  'Everything about one user: {"learn": {table: [row, …]}, "learn_internal": {…}}, rows as their columns are, all but '
  'the password hash.';
grant execute on function learn.export_user(uuid) to learn_app, learn_readonly;

-- Records a batch of activities of learners of all shards: all or nothing on each shard, in the order of shards. After an
-- error, which counts elements within what went to that shard, send the batch again with its keys.
-- Errors: as on one database.
create or replace function learn.record_activities(p_batch jsonb)
returns setof learn.award_summary
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_part    record;
  v_answers learn.award_summary[] := '{}';
begin
  if jsonb_typeof(p_batch) is distinct from 'array' or p_batch = '[]' then
    return query select * from learn_proxy.record_on(0, p_batch);
    return;
  end if;
  for v_part in
    select min(e.hash) as hash, jsonb_agg(e.value order by e.place) as batch, count(learn_proxy.bucket_of(e.user_id))
    from (
      select b.value, b.place, u.user_id, coalesce(uuid_hash(u.user_id), 0) as hash
      from jsonb_array_elements(p_batch) with ordinality b(value, place)
      cross join lateral (select case
        when b.value ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (b.value ->> 'user_id')::uuid
      end) u(user_id)
    ) e
    join learn_proxy.buckets s on s.bucket = e.hash & ((select count(*)::integer from learn_proxy.buckets) - 1)
    group by s.shard
    order by s.shard
  loop
    v_answers := v_answers || array(select r from learn_proxy.record_on(v_part.hash, v_part.batch) r);
  end loop;
  return query
  select a.*
  from unnest(v_answers) a
  order by (
    select min(b.place) from jsonb_array_elements(p_batch) with ordinality b(value, place)
    where lower(b.value ->> 'user_id') = a.user_id::text);
end;
$$;
comment on function learn.record_activities(jsonb) is
  'Records a batch of activities, of one user or of many, all or nothing on each shard; one summary per user.';
grant execute on function learn.record_activities(jsonb) to learn_app;

reset role;
