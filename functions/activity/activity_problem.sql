-- What is wrong with an activity that a backend wants recorded, in words; null when nothing is.
create or replace function learn_internal.activity_problem(
  p_activity_type text, p_subject_type text, p_subject_id text, p_properties jsonb
)
returns text
language sql
stable
set search_path = ''
as $$
  select case
    when t.key is null then format('unknown activity type %s', coalesce(p_activity_type, 'null'))
    when t.is_internal then format('%s is written by Laurel itself', t.key)
    when (p_subject_type is null) <> (p_subject_id is null)
      then 'a subject has both a type and an id'
    when jsonb_typeof(p_properties) is distinct from 'object'
      then 'the properties are not a JSON object'
    else (
      select format('the property %s is not a number of at most 1e15: %s',
        m.property, p_properties -> m.property)
      from learn.metrics m
      where m.activity_type = t.key and m.property is not null and p_properties @> m.filter
        and not learn_internal.is_countable(p_properties -> m.property)
      order by m.key
      limit 1)
  end
  from (select p_activity_type as key) a
  left join learn.activity_types t on t.key = a.key;
$$;
comment on function learn_internal.activity_problem(text, text, text, jsonb) is
  'What is wrong with an activity to record, in words; null when nothing is.';
revoke all on function learn_internal.activity_problem(text, text, text, jsonb) from public;
