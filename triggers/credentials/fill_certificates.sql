-- When certificates are written without what they say: the title of the course, and the day
-- on which the user completed it (today, where that is not known). issue_certificates()
-- says it all.
create or replace function learn_internal.fill_certificates()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.course_title is null then
    select c.title into new.course_title from learn.courses c where c.id = new.course_id;
  end if;
  if new.completed_on is null then
    select (coalesce(p.completed_at, learn.clock()) at time zone u.timezone)::date
    into new.completed_on
    from learn.users u
    left join learn.user_course_progress p on p.user_id = u.id and p.course_id = new.course_id
    where u.id = new.user_id;
  end if;
  return new;
end;
$$;
comment on function learn_internal.fill_certificates() is
  'Row trigger: fills in the title and the day of a certificate.';
revoke all on function learn_internal.fill_certificates() from public;

create or replace trigger fill_certificates
  before insert on learn.nft_certificates
  for each row
  when (new.course_title is null or new.completed_on is null)
  execute function learn_internal.fill_certificates();
comment on trigger fill_certificates on learn.nft_certificates is
  'Fills in the title and the day where they are missing.';
