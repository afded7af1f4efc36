-- Reads a switch from platform_settings.
-- Errors: LX003 no such setting.
create or replace function learn_internal.setting_boolean(p_key text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value boolean;
begin
  select s.value::boolean into v_value
  from learn.platform_settings s
  where s.key = p_key and s.value_type = 'boolean';
  if not found then
    raise exception 'there is no switch %', p_key
      using errcode = 'LX003', detail = format('p_key = %s', p_key),
        hint = 'The settings there are: select * from learn.platform_settings.';
  end if;
  return v_value;
end;
$$;
comment on function learn_internal.setting_boolean(text) is
  'Value of a platform setting that is on or off.';
