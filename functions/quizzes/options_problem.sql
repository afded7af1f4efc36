-- What is wrong with the options of a question; null when nothing is. Two to four options under
-- the letters A to D, each with a text and perhaps an explanation; the correct answer is one of them.
create or replace function learn_internal.options_problem(p_options jsonb, p_correct_answer text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_options) is distinct from 'object'
      then 'the options are not a JSON object'
    when jsonb_path_exists(p_options, 'strict $.keyvalue() ? (!(@.key like_regex "^[A-D]$"))')
      then 'the options have other keys than A, B, C and D'
    when (select count(*) from jsonb_object_keys(p_options)) < 2
      then 'there are fewer than two options'
    when jsonb_path_exists(p_options, 'strict $.* ? (@.type() != "object")')
      or (select count(*) from jsonb_each(p_options) o
        where o.value ->> 'text' ~ E'\\S' and jsonb_typeof(o.value -> 'text') = 'string')
        < (select count(*) from jsonb_object_keys(p_options))
      then 'an option has no text'
    when jsonb_path_exists(p_options,
        'strict $.*.keyvalue() ? (@.key == "explanation" && @.value.type() != "string"
          && @.value.type() != "null")')
      then 'an explanation is not a text'
    when p_correct_answer is null or not p_options ? p_correct_answer
      then 'the correct answer is none of the options'
  end;
$$;
comment on function learn_internal.options_problem(jsonb, text) is
  'What is wrong with the options of a question; null when nothing is.';
