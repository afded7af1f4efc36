-- When a reply is accepted by hand: it has a date, and keeps it, so that it is a fact once.
create or replace function learn_internal.date_solutions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and old.first_accepted_at is not null then
    new.first_accepted_at := old.first_accepted_at;
  elsif new.is_solution and new.first_accepted_at is null then
    new.first_accepted_at := learn.clock();
  end if;
  return new;
end;
$$;
comment on function learn_internal.date_solutions() is
  'Row trigger: an accepted reply has a date, and keeps it.';
revoke all on function learn_internal.date_solutions() from public;

create or replace trigger date_solutions
  before insert on learn.replies
  for each row
  when (new.is_solution and new.first_accepted_at is null)
  execute function learn_internal.date_solutions();
comment on trigger date_solutions on learn.replies is 'Dates an accepted reply.';

create or replace trigger keep_solution_dates
  before update of is_solution, first_accepted_at on learn.replies
  for each row
  when (new.is_solution and new.first_accepted_at is null
    or old.first_accepted_at is distinct from new.first_accepted_at)
  execute function learn_internal.date_solutions();
comment on trigger keep_solution_dates on learn.replies is
  'An accepted reply has a date, and keeps it.';
