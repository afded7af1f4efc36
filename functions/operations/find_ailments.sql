-- What ails the database but for what rows say, each with the statement that mends it: from catalogs and statistics.
-- A function, because a view can switch no compiling off. Read it as learn.health.
create or replace function learn_internal.find_ailments()
returns table (severity text, topic text, subject text, finding text, mend text)
language sql
stable
set search_path = pg_catalog, pg_temp
set jit = off
set timezone = 'UTC'
set quote_all_identifiers = off
as $$
  with relation as (
    select c.oid, c.oid::regclass::text as name, c.relname, c.relkind, c.relowner, c.reltoastrelid, c.relfrozenxid,
      c.reloptions, n.nspname ~ '^learn(_internal)?$' as is_ours
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname !~ '^(pg_|information_schema$)'
    where c.relkind in ('r', 'p', 'i', 'I', 'm', 'S', 'v')
  ),
  index_ as (
    select i.*, i.indexrelid::regclass::text as name, pg_relation_size(i.indexrelid) as size,
      exists (select from pg_constraint k where k.conindid = i.indexrelid) as backs_constraint
    from pg_index i
    join relation r on r.oid = i.indrelid
  ),
  database as (
    select d.*, quote_ident(d.datname) as name, pg_database_size(d.oid) as size
    from pg_database d
    where d.datname = current_database()
  ),
  open_to_all as (
    select p.oid::regprocedure::text as name, n.nspname, count(*) over (partition by n.oid) as siblings
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace and n.nspname in ('learn', 'learn_internal')
    where exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) e
                  where e.grantee = 0 and e.privilege_type = 'EXECUTE')
  ),
  owned as (
    select o.*, pg_get_userbyid(o.owner_id)::text as owner, count(*) over (partition by o.owner_id) as siblings
    from (
      select 'table' as kind, r.name, r.relowner as owner_id from relation r where r.is_ours and r.relkind in ('r', 'p', 'v')
      union all
      select 'routine', p.oid::regprocedure::text, p.proowner
      from pg_proc p
      where p.pronamespace in (to_regnamespace('learn'), to_regnamespace('learn_internal'))
    ) o
    where pg_get_userbyid(o.owner_id) <> 'learn_owner'
  ),
  setting as (
    -- what sessions begin with: not what this function, or who calls it, has set
    select s.name, s.reset_val as setting,
      case when s.context = 'postmaster' then current_setting(s.name) else s.reset_val end as shown
    from pg_settings s
  )
  select f.severity, f.topic, f.subject, f.finding, f.mend
  from (
    select 'error' as severity, 'roles' as topic, r.name as subject, 'the role does not exist' as finding, format('create role %I nologin;', r.name) as mend
    from (values ('learn_owner'), ('learn_app'), ('learn_user'), ('learn_editor'), ('learn_readonly')) r(name)
    where not exists (select from pg_roles p where p.rolname = r.name)
    union all
    select 'note', 'roles', 'learn_app', 'nobody who logs in is a member: no backend can call anything',
      'grant learn_app to my_backend;'
    where not exists (
      select from pg_roles p, pg_roles a
      where a.rolname = 'learn_app' and p.rolcanlogin and not p.rolsuper and pg_has_role(p.oid, a.oid, 'member'))
    union all
    select 'error', 'grants', n.nspname, format('%s may not use the schema', p.rolname),
      format('grant usage on schema %I to %I;  -- dbtool verify has all of what is missing', n.nspname, p.rolname)
    from pg_namespace n
    join pg_roles p on p.rolname in ('learn_app', 'learn_user', 'learn_editor', 'learn_readonly')
    where n.nspname = 'learn' and not has_schema_privilege(p.oid, n.oid, 'usage')
    union all
    select 'error', 'grants', o.name, 'everybody may call it', format('revoke execute on function %s from public;', o.name)
    from open_to_all o
    where o.siblings <= 10
    union all
    select 'error', 'grants', o.nspname, format('everybody may call %s functions, such as %s', count(*), min(o.name)),
      format('revoke execute on all functions in schema %I from public;', o.nspname)
    from open_to_all o
    where o.siblings > 10
    group by o.nspname
    union all
    select 'warning', 'grants', o.name, format('it belongs to %s', o.owner),
      format('alter %s %s owner to learn_owner;', o.kind, o.name)
    from owned o
    where o.siblings <= 10
    union all
    select 'error', 'grants', o.owner, format('%s tables, views and functions belong to it, such as %s', count(*), min(o.name)),
      '-- a restore without its roles: make them, and restore again (docs/backups.md)'
    from owned o
    where o.siblings > 10
    group by o.owner
    union all
    select 'error', 'slices', f.check_name,
      format('check_slice() has found %s rows that are not what the facts say, the last at %s', count(*),
        to_char(max(f.found_at), 'YYYY-MM-DD HH24:MI')),
      coalesce(format('select learn.rebuild_user(%L);  -- and the others of learn_internal.integrity_findings',
        min(f.about_user::text)), 'select learn.rebuild_all();')
    from learn_internal.integrity_findings f
    group by f.check_name
    union all
    select 'warning', 'jobs', j.name, format('it does not run: %s', j.late), j.command || ';  -- and see dbtool schedule'
    from learn.jobs j
    where j.late is not null
    union all
    select 'error', 'outbox', o.topic, format('%s messages were given up', count(*)),
      'select * from learn.dead_outbox;  -- then select learn.retry_outbox(array[…]);'
    from learn.dead_outbox o
    group by o.topic
    union all
    select 'error', 'indexes', i.name, 'it is invalid: it is kept up, and not read',
      format('reindex index concurrently %s;', i.name)
    from index_ i
    where not i.indisvalid and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
    union all
    select 'warning', 'indexes', i.name, format('it is the same as %s', o.name),
      format('drop index concurrently %s;', i.name)
    from index_ i
    join index_ o on o.indrelid = i.indrelid and o.indexrelid <> i.indexrelid and o.indisvalid
      and o.indkey = i.indkey and o.indclass = i.indclass and o.indcollation = i.indcollation and o.indoption = i.indoption
      and o.indnkeyatts = i.indnkeyatts and o.indisunique >= i.indisunique
      and pg_get_expr(o.indpred, o.indrelid) is not distinct from pg_get_expr(i.indpred, i.indrelid)
      and pg_get_expr(o.indexprs, o.indrelid) is not distinct from pg_get_expr(i.indexprs, i.indrelid)
    where not i.backs_constraint
      and (o.backs_constraint or (o.indisunique, o.indexrelid < i.indexrelid) > (i.indisunique, false))
    union all
    select 'note', 'indexes', i.name, format('nothing has read it since %s, and it takes %s',
        coalesce(to_char(t.stats_reset, 'YYYY-MM-DD'), 'the statistics began'), pg_size_pretty(i.size)),
      format('drop index concurrently %s;  -- if it is yours, and replicas do not read it either', i.name)
    from index_ i
    join pg_stat_all_indexes s on s.indexrelid = i.indexrelid and s.idx_scan = 0
    join pg_stat_database t on t.datname = current_database()
    where i.size > 50 * 1024 * 1024 and not i.indisunique and not i.backs_constraint
    union all
    select 'error', 'triggers', format('%s on %s', t.tgname, r.name), 'it is disabled',
      format('alter table %s enable trigger %I;  -- then look at learn.check_integrity()', r.name, t.tgname)
    from pg_trigger t
    join relation r on r.oid = t.tgrelid
    where t.tgenabled = 'D' and not t.tgisinternal
    union all
    select 'warning', 'bloat', r.name, format('%s of %s rows are dead', s.n_dead_tup, s.n_dead_tup + s.n_live_tup),
      format('vacuum (analyze) %s;', r.name)
    from pg_stat_all_tables s
    join relation r on r.oid = s.relid
    where s.n_dead_tup > 10000 and s.n_dead_tup > 0.3 * s.n_live_tup
    union all
    select 'warning', 'bloat', r.name, 'autovacuum is switched off for it',
      format('alter table %s reset (autovacuum_enabled);', r.name)
    from relation r
    where exists (
      select from pg_options_to_table(r.reloptions) o
      where o.option_name = 'autovacuum_enabled' and not o.option_value::boolean)
    union all
    select 'error', 'bloat', r.name, format('its oldest transaction is %s transactions old', age(r.relfrozenxid)),
      format('vacuum (freeze) %s;', r.name)
    from relation r
    where r.relkind in ('r', 'm') and r.relfrozenxid <> '0' and age(r.relfrozenxid) > 1000000000
    union all
    select 'warning', 'sessions', format('pid %s', s.pid),
      format('%s of %s: a transaction open since %s', s.state, s.usename, to_char(s.xact_start, 'YYYY-MM-DD HH24:MI')),
      format('select pg_terminate_backend(%s);', s.pid)
    from pg_stat_activity s
    where s.datname = current_database() and s.pid <> pg_backend_pid() and s.backend_type = 'client backend'
      and s.xact_start < learn.clock() - interval '10 minutes'
    union all
    select 'error', 'sessions', x.gid, 'a prepared transaction holds its locks since ' || to_char(x.prepared, 'YYYY-MM-DD HH24:MI'),
      format('rollback prepared %L;', x.gid)
    from pg_prepared_xacts x
    where x.database = current_database() and x.prepared < learn.clock() - interval '10 minutes'
    union all
    select 'warning', 'sessions', s.slot_name, 'a replication slot that nobody reads keeps the write-ahead log',
      format('select pg_drop_replication_slot(%L);', s.slot_name)
    from pg_replication_slots s
    where not s.active and not s.temporary
    union all
    select 'warning', 'sequences', format('%I.%I', s.schemaname, s.sequencename),
      format('it is at %s of %s', s.last_value, s.max_value),
      format('alter sequence %I.%I as bigint;  -- and its column', s.schemaname, s.sequencename)
    from pg_sequences s
    where s.increment_by > 0 and s.last_value > 0.7 * s.max_value
    union all
    select 'error', 'sequences', s.sequence, format('it is at %s, and %s has id %s: rows were moved without it', s.is_at, s.relation,
        s.largest_id),
      format('select setval(%L, (select max(id) from %s));', s.sequence, s.relation)
    from learn_internal.sequences_behind() s
    union all
    select w.severity, 'settings', s.name, format('it is %s: %s', s.shown, w.why),
      case when w.is_local then format('alter database %s set %s = %s;', d.name, s.name, w.better)
        else format('alter system set %s = %L; select pg_reload_conf();', s.name, w.better) || w.note end
    from database d
    cross join setting s
    join (values
      ('warning', 'jit', 'on', 'short statements are compiled for longer than they run', 'off', true, ''),
      ('error', 'fsync', 'off', 'a crash of the machine can destroy the database', 'on', false, ''),
      ('error', 'full_page_writes', 'off', 'a crash of the machine can destroy the database', 'on', false, ''),
      ('error', 'autovacuum', 'off', 'tables grow for ever', 'on', false, ''),
      ('error', 'track_counts', 'off', 'autovacuum does not know what to do', 'on', false, ''),
      ('note', 'synchronous_commit', 'off', 'a crash loses the last calls that were answered', 'on', true, ''),
      ('note', 'idle_in_transaction_session_timeout', '0', 'a client that is lost holds its locks for ever', '''1min''', true, '')
    ) w(severity, name, value, why, better, is_local, note) on w.name = s.name and w.value = s.setting
    where s.name <> 'jit' or pg_jit_available()
    union all
    select 'warning', 'settings', s.name, format('it is %s, and the database has %s', s.shown, pg_size_pretty(d.size)),
      'alter system set shared_buffers = ''2GB'';  -- a quarter of the memory; then restart'
    from database d
    join setting s on s.name = 'shared_buffers' and s.setting::bigint * 8192 < least(d.size / 8, 1073741824)
    union all
    select 'note', 'settings', s.name, format('it is %s: so many sessions cost memory, and waits for one another', s.shown),
      'alter system set max_connections = ''200'';  -- behind a pooler; then restart'
    from setting s
    where s.name = 'max_connections' and s.setting::integer > 500
  ) f;
$$;
comment on function learn_internal.find_ailments() is
  'What ails the database, each with the statement that mends it. Read it as learn.health.';
