-- What is wrong with an activity that a backend wants recorded, in words; null when nothing is.
create or replace function learn_internal.activity_problem(
  p_activity_type text, p_subject_type text, p_subject_id text, p_properties jsonb
)
returns text
language plpgsql                  -- keeps its plan
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case
      when t.key is null then format('unknown activity type %s', coalesce(left(p_activity_type, 50), 'null'))
      when t.is_internal then format('%s is written by Laurel itself', t.key)
      when (p_subject_type is null) <> (p_subject_id is null)
        then 'a subject has both a type and an id'
      when length(p_subject_type) > 100 or length(p_subject_id) > 500
        then 'a subject''s type has at most 100 characters, its id at most 500'
      when jsonb_typeof(p_properties) is distinct from 'object'
        then 'the properties are not a JSON object'
      when pg_column_size(p_properties) > 65536
        then format('the properties have %s bytes, at most 65536', pg_column_size(p_properties))
      else (
        select case
          when not learn_internal.is_countable(p_properties -> m.property)
            then format('the property %s is not a number of at most 1e12: %s',
              m.property, left((p_properties -> m.property)::text, 50))
          else format('the property %s, a scope, has more than 200 characters', m.scope_property)
        end
        from learn.metrics m
        where m.activity_type = t.key and p_properties @> m.filter
          and (not learn_internal.is_countable(p_properties -> m.property)
            or length(p_properties ->> m.scope_property) > 200)
        order by m.key
        limit 1)
    end
    from (select p_activity_type as key) a
    left join learn.activity_types t on t.key = a.key);
end;
$$;
comment on function learn_internal.activity_problem(text, text, text, jsonb) is
  'What is wrong with an activity to record, in words; null when nothing is.';
