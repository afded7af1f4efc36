-- On the proxy, for tests/shards/test_cuts.py: each call to another database is a step that can be cut off. The functions in
-- plproxy go to schema cut; where they were, functions of the same names count a step, call them, and end as cut.here says.

create schema cut;
grant usage on schema cut to public;
create sequence cut.steps;
create table cut.here (step bigint not null, how text not null);

-- The next step. How it ends: away (the database is not reached), part (of all shards, one is), and after it was done
-- lost (the connection breaks), session (that of the proxy is ended), process (it is killed, and with it the server).
create function cut.before(p_name text)
returns text
language plpgsql
security definer
as $$
declare
  v_step bigint := nextval('cut.steps');
  v_how  text := (select h.how from cut.here h where h.step = v_step);
begin
  raise notice 'step %', p_name;
  if v_how = 'away' then
    raise exception 'cut off' using errcode = 'XX000';
  end if;
  return v_how;
end;
$$;

create function cut.after(p_how text)
returns void
language plpgsql
security definer
as $$
begin
  if p_how = 'lost' then
    raise exception 'cut off' using errcode = 'XX000';
  elsif p_how in ('session', 'part') then
    perform pg_terminate_backend(pg_backend_pid());
  elsif p_how = 'process' then
    execute format('copy (select) to program ''kill -9 %s''', pg_backend_pid());
    perform pg_sleep(10);
  end if;
end;
$$;

do $do$
declare
  f        record;
  v_call   text;
  v_part   text;
begin
  for f in
    select p.proname, p.proretset, p.prosrc, pg_get_function_arguments(p.oid) as arguments, p.oid::regprocedure as signature,
      pg_get_function_result(p.oid) as result, p.prorettype = 'void'::regtype as is_void, p.prosecdef, p.proacl,
      (select string_agg('$' || i, ', ') from generate_series(1, p.pronargs) i) as passed, pg_get_functiondef(p.oid) as source
    from pg_proc p
    join pg_language l on l.oid = p.prolang and l.lanname = 'plproxy'
    where p.pronamespace = 'learn_proxy'::regnamespace
  loop
    execute format('alter function %s set schema cut', f.signature);
    v_call := format('cut.%I(%s)', f.proname, f.passed);
    v_part := v_call;
    if f.prosrc ~ 'run on all' then
      execute replace(replace(f.source, 'run on all', 'run on 0'),
        format('FUNCTION learn_proxy.%I(', f.proname), format('FUNCTION cut.%I(', 'part_' || f.proname));
      v_part := format('cut.%I(%s)', 'part_' || f.proname, f.passed);
    end if;
    execute format('create function learn_proxy.%I(%s) returns %s language plpgsql volatile as $laurel$ declare v_how text;'
        ' %s begin v_how := cut.before(%L); if v_how = ''part'' then perform %s; else %s end if;'
        ' perform cut.after(v_how); %s end; $laurel$',
      f.proname, f.arguments, f.result,
      case when not f.proretset and not f.is_void then format('v_answer %s;', f.result) else '' end, f.proname, v_part,
      case when f.is_void then format('perform %s;', v_call)
        when f.proretset then format('return query select * from %s;', v_call)
        else format('v_answer := %s;', v_call) end,
      case when f.proretset or f.is_void then '' else 'return v_answer;' end);
    execute format('alter function learn_proxy.%I owner to learn_owner', f.proname);
  end loop;
  for f in select p.oid::regprocedure as signature from pg_proc p where p.pronamespace = 'cut'::regnamespace
    and p.proname not in ('before', 'after')
  loop
    execute format('alter function %s owner to learn_owner', f.signature);
  end loop;
end;
$do$;
