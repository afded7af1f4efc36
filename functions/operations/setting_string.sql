-- Reads a text from platform_settings.
-- Errors: LX003 no such setting.
create or replace function learn_internal.setting_string(p_key text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value text;
begin
  select s.value #>> '{}' into v_value
  from learn.platform_settings s
  where s.key = p_key and s.value_type = 'string';
  if not found then
    raise exception 'there is no textual setting %', p_key
      using errcode = 'LX003', detail = format('p_key = %s', p_key),
        hint = 'The settings there are: select * from learn.platform_settings.';
  end if;
  return v_value;
end;
$$;
comment on function learn_internal.setting_string(text) is 'Value of a textual platform setting.';
