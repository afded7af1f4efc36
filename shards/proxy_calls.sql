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

create or replace function learn_proxy.pending(p_user_id uuid, p_limit integer, p_older_than interval)
returns table (user_id uuid, forwards jsonb) language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.pending;
$$;
comment on function learn_proxy.pending(uuid, integer, interval) is 'On home: what shards have not been told yet.';

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

create or replace function learn_proxy.release_names(p_user_id uuid, p_forwards jsonb)
returns void language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on learn_proxy.bucket_of(p_user_id); target learn_shard.release_names;
$$;
comment on function learn_proxy.release_names(uuid, jsonb) is 'On the shard: gives up names that home has given to others.';

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

create or replace function learn_proxy.oldest_forward()
returns bigint language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.oldest_forward;
$$;
comment on function learn_proxy.oldest_forward() is 'On home: the oldest of what shards have not been told.';

create or replace function learn_proxy.purge(p_before timestamptz, p_oldest bigint)
returns setof bigint language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on all; target learn_shard.purge;
$$;
comment on function learn_proxy.purge(timestamptz, bigint) is 'On all shards: forgets what they were told and have answered before a time.';

create or replace function learn_proxy.pack_learner(p_user_id uuid)
returns jsonb language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on learn_proxy.bucket_of(p_user_id); target learn_shard.pack_learner;
$$;
comment on function learn_proxy.pack_learner(uuid) is 'On the shard: packs the rows of an account that home has merged into another.';

create or replace function learn_proxy.forget_learner(p_user_id uuid, p_into uuid)
returns void language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on learn_proxy.bucket_of(p_user_id); target learn_shard.forget_learner;
$$;
comment on function learn_proxy.forget_learner(uuid, uuid) is 'On the shard that had it: what was packed of an account has been merged.';

create or replace function learn_proxy.board_head(p_period text, p_metric text, p_limit integer, p_offset integer, p_on date, p_among uuid[])
returns table (user_id uuid, username text, display_name text, value bigint) language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on all; target learn_shard.board_head;
$$;
comment on function learn_proxy.board_head(text, text, integer, integer, date, uuid[]) is 'On all shards: the heads of a board.';

create or replace function learn_proxy.board_place(p_user_id uuid, p_period text, p_metric text, p_among uuid[], p_on date)
returns table (on_day date, value bigint, name text) language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on learn_proxy.bucket_of(p_user_id); target learn_shard.board_place;
$$;
comment on function learn_proxy.board_place(uuid, text, text, uuid[], date) is 'On the shard: where a learner stands on a board.';

create or replace function learn_proxy.count_above(p_period text, p_metric text, p_on date, p_among uuid[], p_values bigint[])
returns table (value bigint, above bigint) language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on all; target learn_shard.count_above;
$$;
comment on function learn_proxy.count_above(text, text, date, uuid[], bigint[]) is 'On all shards: how many stand above some values.';

create or replace function learn_proxy.board_near(p_period text, p_metric text, p_on date, p_among uuid[], p_value bigint, p_name text, p_span integer)
returns table (user_id uuid, username text, display_name text, value bigint) language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on all; target learn_shard.board_near;
$$;
comment on function learn_proxy.board_near(text, text, date, uuid[], bigint, text, integer) is 'On all shards: rows next to a place on a board.';

create or replace function learn_proxy.period_to_close(p_period text, p_metric text, p_on date)
returns date language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn_shard.period_to_close;
$$;
comment on function learn_proxy.period_to_close(text, text, date) is 'On home: the first day of the period to be closed.';

create or replace function learn_proxy.freeze_period(p_metric text, p_period text, p_starts_on date)
returns table (value bigint, users bigint) language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on all; target learn_shard.freeze_period;
$$;
comment on function learn_proxy.freeze_period(text, text, date) is 'On all shards: freezes a board, and how many stand on each value.';

create or replace function learn_proxy.shards_close_period(p_metric text, p_period text, p_starts_on date, p_ranks jsonb, p_users bigint)
returns setof void language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on all; target learn_shard.close_period;
$$;
comment on function learn_proxy.shards_close_period(text, text, date, jsonb, bigint) is 'On all shards: keeps the standings and pays.';

create or replace function learn_proxy.streak_lengths()
returns table (days integer, learners bigint, learners_at_longest bigint) language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on all; target learn.streak_lengths;
$$;
comment on function learn_proxy.streak_lengths() is 'On all shards: how many learners have a streak of so many days.';

create or replace function learn_proxy.parts(p_report text)
returns table (key text, n bigint, total numeric) language plproxy volatile security definer set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on all; target learn_shard.parts;
$$;
-- by the views, for who reads them
grant execute on function learn_proxy.parts(text) to learn_app, learn_readonly;
comment on function learn_proxy.parts(text) is 'On all shards: what averages are made of.';

create or replace function learn_proxy.shard_export_user(p_user_id uuid)
returns jsonb language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_shards'; run on learn_proxy.bucket_of(p_user_id); target learn.export_user;
$$;
comment on function learn_proxy.shard_export_user(uuid) is 'On the shard: all that it has of a user.';

create or replace function learn_proxy.home_export_user(p_user_id uuid)
returns jsonb language plproxy volatile set search_path = pg_catalog, pg_temp as $$
  cluster 'laurel_home'; run on 0; target learn.export_user;
$$;
comment on function learn_proxy.home_export_user(uuid) is 'On home: all that it has of a user.';
