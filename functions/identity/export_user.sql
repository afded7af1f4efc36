-- Everything about one user as JSON: the rows of every table that has a user_id (author_id, about_user), and of
-- learn.users.
-- Tables are found in the catalog, so that none is forgotten; what is archived is among the rows where it comes from.
-- The password hash stays where it is.
-- Errors: LX002; LX010 a learner's own session asks for somebody else.
create or replace function learn.export_user(p_user_id uuid)
returns jsonb
language plpgsql
stable
security definer                  -- also what no app role reads is the user's
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_table  record;
  v_rows   jsonb;
  v_export jsonb := jsonb_build_object('format', 'laurel-user', 'version', 1, 'exported_at', learn.clock(),
    'user_id', p_user_id, 'learn', '{}'::jsonb, 'learn_internal', '{}'::jsonb);
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  for v_table in
    select n.nspname as of_schema, c.relname as name, a.attname as key, case c.oid::regclass
        when 'learn.activity_log'::regclass then 'learn_internal.all_facts'::regclass
        when 'learn.xp_transactions'::regclass then 'learn_internal.all_payments'::regclass
        else c.oid::regclass end as source,
      array(select g.attname::text from pg_attribute g where g.attrelid = c.oid and g.attgenerated <> '') as generated
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
    join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('learn', 'learn_internal')
    where (a.attname in ('user_id', 'author_id', 'about_user') or a.attname = 'id' and c.oid = 'learn.users'::regclass)
      and not a.attisdropped and c.oid not in ('learn.user_credentials'::regclass,
        'learn_internal.archived_facts'::regclass, 'learn_internal.archived_payments'::regclass)
  loop
    execute format('select coalesce(jsonb_agg(to_jsonb(t) - $2 order by t), ''[]'') from %s t where t.%I = $1',
      v_table.source, v_table.key)
    into v_rows using p_user_id, v_table.generated;
    v_export := jsonb_set(v_export, array[v_table.of_schema, v_table.name], v_rows);
  end loop;
  return v_export;
end;
$$;
comment on function learn.export_user(uuid) is
  'Everything about one user: {"learn": {table: [row, …]}, "learn_internal": {…}}, rows as their columns are, all but '
  'the password hash.';
grant execute on function learn.export_user(uuid) to learn_app, learn_user, learn_readonly;
