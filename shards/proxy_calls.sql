-- What the proxy calls on home and on the shards besides public functions, one function for each of learn_shard there. Run by
-- who may make functions in plproxy, a superuser; the installer gives them to learn_owner then.

create or replace function learn_proxy.claim_user(
  p_user_id uuid, p_username text, p_email text, p_timezone text, p_locale text, p_display_name text
)
returns uuid language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.claim_user;
$$;
comment on function learn_proxy.claim_user(uuid, text, text, text, text, text) is 'On home: takes the names of a new learner.';

create or replace function learn_proxy.add_user(
  p_user_id uuid, p_username text, p_email text, p_timezone text, p_locale text, p_display_name text
)
returns uuid language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on learn_proxy.bucket_of(p_user_id); target learn_shard.add_user;
$$;
comment on function learn_proxy.add_user(uuid, text, text, text, text, text) is 'On the shard: makes the learner.';

create or replace function learn_proxy.confirm_user(p_user_id uuid)
returns boolean language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.confirm_user;
$$;
comment on function learn_proxy.confirm_user(uuid) is 'On home: the shard has the learner.';

create or replace function learn_proxy.has_or_refuse(p_user_id uuid)
returns boolean language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on learn_proxy.bucket_of(p_user_id); target learn_shard.has_or_refuse;
$$;
comment on function learn_proxy.has_or_refuse(uuid) is 'On the shard: whether it has the learner; else it never takes it.';

create or replace function learn_proxy.unclaim_user(p_user_id uuid)
returns boolean language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.unclaim_user;
$$;
comment on function learn_proxy.unclaim_user(uuid) is 'On home: takes the names of a claim back.';

create or replace function learn_proxy.old_claims(p_older_than interval, p_username text, p_email text)
returns setof uuid language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.old_claims;
$$;
comment on function learn_proxy.old_claims(interval, text, text) is 'On home: claims older than a bound.';

create or replace function learn_proxy.buckets_with(p_what text, p_value text)
returns setof integer language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on all; target learn_shard.hash_with;
$$;
comment on function learn_proxy.buckets_with(text, text) is 'On all shards: the learner that has what is named.';

create or replace function learn_proxy.pending(p_user_id uuid, p_limit integer)
returns table (user_id uuid, forwards jsonb) language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.pending;
$$;
comment on function learn_proxy.pending(uuid, integer) is 'On home: what shards have not been told yet.';

create or replace function learn_proxy.forget(p_forwards jsonb)
returns void language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.forget;
$$;
comment on function learn_proxy.forget(jsonb) is 'On home: these have been delivered.';

create or replace function learn_proxy.take(p_user_id uuid, p_forwards jsonb)
returns integer language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on learn_proxy.bucket_of(p_user_id); target learn_shard.take;
$$;
comment on function learn_proxy.take(uuid, jsonb) is 'On the shard: what home tells of a learner.';

create or replace function learn_proxy.answer(p_user_id uuid, p_key text, p_home jsonb, p_forwards jsonb)
returns learn.award_summary language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on learn_proxy.bucket_of(p_user_id); target learn_shard.answer;
$$;
comment on function learn_proxy.answer(uuid, text, jsonb, jsonb) is 'On the shard: what a call that went through home did for its caller.';

create or replace function learn_proxy.home_erase_user(p_user_id uuid, p_posts text)
returns void language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn.erase_user;
$$;
comment on function learn_proxy.home_erase_user(uuid, text) is 'On home: erases a learner there.';

create or replace function learn_proxy.home_merge_users(p_from uuid, p_into uuid)
returns learn.award_summary language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.merge_users;
$$;
comment on function learn_proxy.home_merge_users(uuid, uuid) is 'On home: makes two accounts one.';
