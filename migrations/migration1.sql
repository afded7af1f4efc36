-- operations: settings of the platform, and what makes a retried call safe.

set role learn_owner;

create table learn.platform_settings (
  key         text primary key,
  value       jsonb not null,
  value_type  text not null,
  description text not null default '',
  updated_at  timestamptz not null default learn.clock(),
  constraint setting_has_its_type check (jsonb_typeof(value) = value_type),
  constraint value_type_is_known check (
    value_type in ('number', 'string', 'boolean', 'object', 'array')),
  constraint number_is_not_negative check (
    case when jsonb_typeof(value) = 'number' then (value #>> '{}')::numeric >= 0 else true end)
);
comment on table learn.platform_settings is
  'What a deployment may tune. A change applies to what happens from then on.';
comment on column learn.platform_settings.value_type is 'The JSON type that value must have.';
grant select on learn.platform_settings to learn_app, learn_readonly;

insert into learn.platform_settings (key, value, value_type, description) values
  ('max_event_age_days', '30', 'number', 'How far back p_occurred_at may lie, in days.'),
  ('speed_runner_seconds', '60', 'number',
    'A lesson completed in fewer seconds after start_lesson counts as fast.'),
  ('streak_freeze_every_days', '0', 'number',
    'A streak earns one freeze each time it grows by this many days; 0: never.'),
  ('streak_freeze_maximum', '2', 'number',
    'A streak earns no freeze while the user holds this many.');

create table learn.idempotency_keys (
  user_id        uuid not null references learn.users on delete cascade,
  key            text not null,
  function_name  text not null,
  arguments_hash text not null,
  response       jsonb,
  created_at     timestamptz not null default learn.clock(),
  primary key (user_id, key),
  constraint key_is_not_blank check (key ~ '\S' and length(key) <= 200)
);
comment on table learn.idempotency_keys is
  'Answers of calls that carried a p_idempotency_key, so that a retry gets the first '
  'answer and changes nothing.';
comment on column learn.idempotency_keys.arguments_hash is
  'SHA-256 of the function''s name and arguments, in hex.';

-- functions/operations/setting_number.sql
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
revoke all on function learn_internal.setting_number(text) from public;

reset role;
