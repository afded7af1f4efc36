-- Reads a number from platform_settings.
-- Errors: LX003 no such setting.
create or replace function learn_internal.setting_number(p_key text)
returns numeric
language plpgsql
stable
security definer                  -- callable from views that an app role reads
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value numeric;
begin
  select (s.value #>> '{}')::numeric into v_value
  from learn.platform_settings s
  where s.key = p_key and s.value_type = 'number';
  if not found then
    raise exception 'there is no numeric setting %', p_key
      using errcode = 'LX003', detail = format('p_key = %s', p_key),
        hint = 'The settings there are: select * from learn.platform_settings.';
  end if;
  return v_value;
end;
$$;
comment on function learn_internal.setting_number(text) is 'Value of a numeric platform setting.';
