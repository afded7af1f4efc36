-- Refuses the content of a post that is blank or too long.
-- Errors: LX001.
create or replace function learn_internal.require_content(p_content text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(p_content, '') !~ E'\\S' or length(p_content) > 50000 then
    raise exception 'the content of a post has 1 to 50,000 characters, not all of them blank'
      using errcode = 'LX001',
        detail = format('p_content has %s characters, at most 50000', coalesce(length(p_content), 0)),
        hint = 'Shorten it, or post it in parts.';
  end if;
end;
$$;
comment on function learn_internal.require_content(text) is
  'Refuses content that is blank or longer than 50,000 characters (LX001).';
revoke all on function learn_internal.require_content(text) from public;
