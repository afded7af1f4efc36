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
      when p.proname in ('register_user', 'erase_user', 'merge_users', 'export_user', 'record_activities',
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
      and exists (select from aclexplode(c.relacl) r where r.grantee::regrole::text = 'learn_app')
      and c.relname not in ('current_leaderboard', 'daily_challenge_ranks', 'leaderboard_entries'))  -- ranks of all
  group by c.oid, c.relname, c.relkind, c.relacl, c.relowner, c.reltype
  order by c.relname;
$$;
comment on function learn_shard.public_types() is
  'The types that public functions return, and the views of learners'' rows that the proxy has as functions.';

-- The views that count learners, and how the proxy puts those of the shards together: whole numbers are added up, and the
-- rest is what they are by. A view of content alone is home's: no merge.
create or replace function learn_shard.public_reports()
returns table (name text, columns text, query text, roles text[], description text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with special (view, column_name, expression) as (
    values ('achievement_rarity', 'share', 'round(sum(v.holders)::numeric / nullif(sum(v.learners), 0), 4)'),
      ('cohort_retention', 'share_active', 'round(sum(v.active_learners)::numeric / sum(v.learners), 4)'),
      ('exam_stats', 'active_questions', 'max(v.active_questions)'),
      ('exam_stats', 'best_score', 'max(v.best_score)'),
      ('exam_stats', 'average_score', 'round(max(p.total) / nullif(max(p.n), 0), 2)'),
      ('question_stats', 'accuracy_percentage', 'round(100.0 * sum(v.times_correct) / nullif(sum(v.times_answered), 0), 2)'),
      ('question_stats', 'average_time_seconds', 'round(max(p.total) / nullif(max(p.n), 0), 1)'),
      ('daily_challenge_board', 'average_score', 'round(max(p.total) / nullif(max(p.n), 0), 2)'),
      ('current_leaderboard', 'xp_rank', 'rank() over (order by v.total_xp desc)'),
      ('current_leaderboard', 'challenge_rank', 'rank() over (order by v.challenges_completed desc)'),
      ('current_leaderboard', 'streak_rank', 'rank() over (order by v.current_streak desc)'),
      ('daily_challenge_ranks', 'rank', 'rank() over (partition by v.daily_challenge_id order by v.score desc)'),
      ('course_catalog', 'average_rating', 'round(max(p.total) / nullif(max(p.n), 0), 2)')
  ), parts (view, key) as (
    values ('exam_stats', 'exam_type'), ('question_stats', 'question_id'), ('daily_challenge_board', 'id'),
      ('course_catalog', 'id')
  ), columns as (
    select c.oid, c.relname::text as view, a.attnum, a.attname::text as name, format_type(coalesce(nullif(y.typbasetype, 0), y.oid), null) as type,
      coalesce(s.expression, case when c.relname not in ('current_leaderboard', 'daily_challenge_ranks') and a.atttypid = 'bigint'::regtype and a.attname !~ '(^|_)id$'
        then format('sum(v.%I)::bigint', a.attname) end) as merged
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type y on y.oid = a.atttypid
    left join special s on s.view = c.relname and s.column_name = a.attname
    where c.relnamespace = 'learn'::regnamespace and c.relkind = 'v'
      and exists (select from aclexplode(c.relacl) r where r.grantee::regrole::text = 'learn_app')
      and (c.relname in ('current_leaderboard', 'daily_challenge_ranks')
        or not exists (select from pg_attribute u where u.attrelid = c.oid and u.attname = 'user_id'))
      and c.relname <> 'dead_outbox'                      -- an outbox is a database's own
  )
  select c.view, string_agg(format('%I %s', c.name, c.type), ', ' order by c.attnum), case
      when c.view not in ('economy', 'quiz_questions') then
        'select ' || string_agg(format('%s as %I', coalesce(c.merged, format('v.%I', c.name)), c.name), ', ' order by c.attnum)
        || format(' from learn_proxy.all_%s() v', c.view)
        || coalesce((select format(' left join (select p.key, sum(p.n) as n, sum(p.total) as total from learn_proxy.parts(%L) p'
            ' group by p.key) p on p.key = v.%I::text', p.view, p.key) from parts p where p.view = c.view), '')
        || case when c.view in ('current_leaderboard', 'daily_challenge_ranks') then '' else
          ' group by ' || string_agg(format('v.%I', c.name), ', ' order by c.attnum) filter (where c.merged is null) end
    end,
    array(select r.grantee::regrole::text from pg_class k, aclexplode(k.relacl) r
      where k.oid = c.oid and r.grantee not in (0, k.relowner) and r.privilege_type = 'SELECT' order by 1),
    obj_description(c.oid, 'pg_class')
  from columns c
  group by c.oid, c.view
  order by c.view;
$$;
comment on function learn_shard.public_reports() is
  'The views that count learners, and how the proxy puts those of the shards together; query null: home''s alone.';

reset role;
