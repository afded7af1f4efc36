-- Tells users of facts by the rules: one notification for each fact that an active rule names, in the user's
-- language. Of a jump of many levels only the last one is told, also where one leads to another in the same
-- statement. Silent while the parameter learn.quiet is on, as in imports: `set local learn.quiet = on`.
-- The engine calls it for facts whose type says that it notifies.
create or replace function learn_internal.notify_facts(p_notices learn_internal.notice[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_notices  refcursor;
  n          record;
  v_last     learn_internal.notice;  -- what the last words follow from, and
  v_locale   text;
  v_evidence jsonb;
  v_rule     learn.notification_rules;
  v_values   jsonb;                  -- of placeholders
  v_of       record;                 -- what the fact is about
  v_title    text;
  v_message  text;
  v_id       bigint;
  v_url      text;
  v_new      learn_internal.told;
  v_told     learn_internal.told[] := '{}'::learn_internal.told[];
  v_now      timestamptz;
begin
  if current_setting('learn.quiet', true) in ('on', 'true') then
    return;
  end if;
  if cardinality(p_notices) > 1 then
    p_notices := array(
      select (l.user_id, l.fact_id, l.activity_type, l.subject_type, l.subject_id, l.properties)::learn_internal.notice
      from (
        select t.*, lead(t.fact_id) over (
            partition by t.user_id, t.activity_type, t.subject_type,
              case t.subject_type when 'level' then '' when 'skill_level' then split_part(t.subject_id, ':', 1)
                else t.fact_id::text end
            order by t.fact_id) as later
        from unnest(p_notices) t
      ) l
      where l.later is null);
  end if;
  if cardinality(p_notices) = 1 then  -- mostly: to start a sort costs more than this look
    open v_notices for
    select l.*, u.locale, (
        select x.evidence
        from learn.achievements a
        join learn.user_achievements x on x.user_id = l.user_id and x.achievement_id = a.id
        where l.activity_type = 'achievement_earned' and l.subject_type = 'achievement'
          and a.slug = l.subject_id) as evidence
    from unnest(p_notices) l
    cross join lateral (select x.locale from learn.users x where x.id = l.user_id offset 0) u;
  else
    open v_notices for
    select l.*, u.locale, e.evidence
    from unnest(p_notices) l
    cross join lateral (select x.locale from learn.users x where x.id = l.user_id offset 0) u
    left join lateral (
      select x.evidence
      from learn.achievements a
      join learn.user_achievements x on x.user_id = l.user_id and x.achievement_id = a.id
      where l.activity_type = 'achievement_earned' and l.subject_type = 'achievement'
        and a.slug = l.subject_id
      offset 0
    ) e on true
    -- what says the same comes together: by hashes, because to compare jsonb takes long
    order by l.activity_type, l.subject_type, l.subject_id, u.locale, jsonb_hash(l.properties), jsonb_hash(e.evidence),
      l.fact_id;
  end if;
  loop
    fetch v_notices into n;
    exit when not found;
    -- the words are found once for all who have earned the same
    if (n.activity_type, n.subject_type, n.subject_id, n.locale, n.properties, n.evidence) is distinct from
      (v_last.activity_type, v_last.subject_type, v_last.subject_id, v_locale, v_last.properties, v_evidence)
    then
      v_last := (n.user_id, n.fact_id, n.activity_type, n.subject_type, n.subject_id, n.properties);
      v_locale := n.locale;
      v_evidence := n.evidence;
      v_values := n.properties
        || jsonb_build_object('subject_type', n.subject_type, 'subject_id', n.subject_id);
      v_id := case when split_part(n.subject_id, ':', 1) ~ '^[0-9]{1,18}$'
        then split_part(n.subject_id, ':', 1)::bigint end;  -- subjects that others record need not be numbers
      v_of := learn_internal.subject_words(n.subject_type, n.subject_id, v_id, n.locale);
      v_values := jsonb_strip_nulls(jsonb_build_object('name', v_of.name, 'slug', v_of.slug))
        || coalesce(n.evidence, '{}') || v_values;
      select * into v_rule
      from learn.notification_rules k
      where k.activity_type = n.activity_type and k.is_active and v_values @> k.filter
      order by k.filter = '{}', k.type
      limit 1;
      -- calls cost more than what they do where there is nothing to translate, to fill in, or to tidy
      v_title := v_rule.title;
      v_message := v_rule.message;
      v_url := v_rule.action_url;
      if v_rule.translations <> '{}' then
        v_title := learn.localized(v_rule.translations, n.locale, 'title', v_title);
        v_message := learn.localized(v_rule.translations, n.locale, 'message', v_message);
      end if;
      if strpos(v_title, '{') > 0 then
        v_title := learn_internal.fill_placeholders(v_title, v_values);
      end if;
      if strpos(v_message, '{') > 0 then
        v_message := learn_internal.fill_placeholders(v_message, v_values);
      end if;
      if strpos(v_url, '{') > 0 then
        v_url := learn_internal.fill_placeholders(v_url, v_values, true);
      end if;
      -- a title that comes out blank, or words that come out long, must not fail what the user has just done
      if v_title !~ (E'^[!-~]([ -~]*[!-~])?$' collate "C") or length(v_title) > 300 then
        v_title := coalesce(nullif(learn_internal.tidy_text(left(v_title, 300), true), ''), v_rule.type);
      end if;
      if v_message !~ (E'^[!-~]([ -~]*[!-~])?$' collate "C") or length(v_message) > 10000 then
        v_message := learn_internal.tidy_text(left(v_message, 10000));
      end if;
      v_new := (null, null, v_rule.type, v_title, v_message, case when length(v_url) <= 2000 then v_url end);
    end if;
    continue when v_rule.type is null;
    v_new.user_id := n.user_id;
    v_new.fact_id := n.fact_id;
    if n.subject_type in ('level', 'skill_level') then
      if exists (
        select from learn.notifications o
        where o.user_id = n.user_id and not o.is_read
          and o.told_in = (extract(epoch from statement_timestamp()) * 1000000)::bigint)
      then
        -- perhaps of the jump that this statement is on, and that has come further
        update learn.notifications o
        set title = v_new.title, message = v_new.message, action_url = v_new.action_url, fact_id = v_new.fact_id
        where o.user_id = n.user_id and o.type = v_new.type and not o.is_read
          and o.told_in = (extract(epoch from statement_timestamp()) * 1000000)::bigint and exists (
            select from learn.activity_log f
            where f.user_id = o.user_id and f.id = o.fact_id and f.recorded_at >= o.created_at
              and f.activity_type = n.activity_type and f.subject_type = n.subject_type
              and (n.subject_type = 'level'
                or split_part(f.subject_id, ':', 1) = split_part(n.subject_id, ':', 1)));
        continue when found;
      end if;
    end if;
    v_told := v_told || v_new;
  end loop;
  close v_notices;  -- or the tables that it reads are in use until the transaction ends

  if cardinality(v_told) > 0 then
    v_now := learn.clock();
    insert into learn.notifications
      (user_id, type, title, message, action_url, fact_id, created_at)
    select t.user_id, t.type, t.title, t.message, t.action_url, t.fact_id, v_now
    from unnest(v_told) t
    order by t.fact_id
    on conflict (user_id, fact_id) where fact_id is not null do nothing;
  end if;
end;
$$;
comment on function learn_internal.notify_facts(learn_internal.notice[]) is
  'Tells users of facts by the rules, each fact once, and a jump of levels once.';
