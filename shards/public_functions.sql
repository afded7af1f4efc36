-- How the proxy answers each public function, derived from the catalog: what the proxy has is generated from it.
-- Kinds: routed (one learner: to the shard), home (content and community), both (a name changes: home, then the shard),
-- community (home; what learners earn by it goes to their shards), anywhere (reads no learner), sum (all shards, added
-- up), located (a shard that has what is named), own (written by hand in proxy.sql), refused. Null: none fits, and `dbtool shards` says so.

set role learn_owner;

create or replace function learn_shard.public_functions()
returns table (
  name text, kind text, arguments text, argument_names text[], identity text, result text, returns_set boolean,
  volatility text, roles text[], description text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select p.proname::text, case
      when p.proname in ('register_user', 'erase_user', 'merge_users', 'export_user', 'audit_trail', 'record_activities',
        'leaderboard', 'leaderboard_around', 'user_rank', 'rank_percentile', 'close_period', 'streak_lengths') then 'own'
      when not exists (
        select from aclexplode(p.proacl) a where a.grantee::regrole::text in ('learn_app', 'learn_user', 'learn_readonly'))
        then 'refused'                                    -- the owner's and the editors': in each database, or on home
      when p.proname in ('lock_users', 'wait_for_lsn', 'current_learner') then 'refused'
      when p.prosrc ~ 'learn\.outbox' and p.proargnames[1] is distinct from 'p_user_id' then 'refused'
      when p.proargnames[1] = 'p_user_id' then case
        when p.prosrc ~ 'lock_post|learn\.(discussions|replies|discussion_votes)\M' then
          case when p.prorettype = 'learn.award_summary'::regtype then 'community' else 'home' end
        when p.prosrc ~ 'update learn\.users' and p.prosrc ~ 'set (username|evm_address|is_verified)' then 'both'
        else 'routed' end
      when p.prosrc ~ 'learn\.(discussions|questions|daily_challenges)\M' and p.proname <> 'regrade_question' then 'home'
      when p.proargnames[1] in ('p_code', 'p_certificate_number', 'p_tx_id') then 'located'
      when p.proname in ('clock', 'calculate_level_from_xp', 'xp_for_level', 'localized') then 'anywhere'
      when p.prorettype in ('integer'::regtype, 'bigint'::regtype) and not p.proretset then 'sum'
    end,
    pg_get_function_arguments(p.oid), coalesce((p.proargnames)[1:p.pronargs], '{}'), pg_get_function_identity_arguments(p.oid),
    pg_get_function_result(p.oid), p.proretset,
    case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end,
    array(select a.grantee::regrole::text from aclexplode(p.proacl) a where a.grantee not in (0, p.proowner) order by 1),
    obj_description(p.oid, 'pg_proc')
  from pg_proc p
  where p.pronamespace = 'learn'::regnamespace and p.prokind = 'f'
  order by p.proname;
$$;
comment on function learn_shard.public_functions() is
  'How the proxy answers each public function: its kind, derived from the catalog, and its declaration.';

-- The types of learn that public functions return, and the views that learners' rows are read by, as the proxy has them.
create or replace function learn_shard.public_types()
returns table (name text, columns text, is_view boolean, roles text[], description text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c.relname::text, string_agg(format('%I %s', a.attname, format_type(coalesce(nullif(t.typbasetype, 0), t.oid),
      coalesce(nullif(t.typtypmod, -1), a.atttypmod))), ', ' order by a.attnum), c.relkind = 'v',
    array(select r.grantee::regrole::text from aclexplode(c.relacl) r
      where r.grantee not in (0, c.relowner) and r.privilege_type = 'SELECT' order by 1),
    coalesce(obj_description(c.oid, 'pg_class'), obj_description(c.reltype, 'pg_type'))
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid
  where c.relnamespace = 'learn'::regnamespace and (
    exists (select from pg_proc p where p.pronamespace = c.relnamespace and p.prorettype = c.reltype)
    or c.relkind = 'v' and c.relname !~ '^my_' and exists (
      select from pg_attribute u where u.attrelid = c.oid and u.attname = 'user_id' and u.atttypid = 'uuid'::regtype)
      and exists (select from aclexplode(c.relacl) r where r.grantee::regrole::text = 'learn_app'))
  group by c.oid, c.relname, c.relkind, c.relacl, c.relowner, c.reltype
  order by c.relname;
$$;
comment on function learn_shard.public_types() is
  'The types that public functions return, and the views of learners'' rows that the proxy has as functions.';

reset role;
