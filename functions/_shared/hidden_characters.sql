-- A pattern for characters that nobody sees, or that turn the direction of what follows: they make texts that
-- differ look alike. Joiners and selectors are none where a script or an emoji needs them: between letters of
-- Arabic scripts and of the scripts of India and its neighbours, in emoji, and behind Chinese characters.
create or replace function learn_internal.hidden_characters()
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return
    E'[\\u00AD\\u034F\\u061C\\u115F\\u1160\\u17B4\\u17B5\\u200B\\u200E\\u200F\\u202A-\\u202E\\u2060-\\u206F'
      || E'\\u3164\\uFDD0-\\uFDEF\\uFEFF\\uFFA0\\uFFF0-\\uFFFC\\uFFFE\\uFFFF\\U0001BCA0-\\U0001BCA3'
      || E'\\U0001D173-\\U0001D17A\\U000E0000-\\U000E001F\\U000E0080-\\U000E00FF\\U000E01F0-\\U000E0FFF]'
    -- joiners: behind a letter of those scripts or an emoji
    || '|' || E'(?<![\\u0600-\\u08FF\\u0900-\\u0DFF\\u1000-\\u109F\\u1780-\\u17FF\\u1B00-\\u1BFF\\uA8E0-\\uAADF\\uABC0-\\uABFF'
      || E'\\U00011000-\\U00011FFF\\u2190-\\u2BFF\\u3030\\u303D\\u3297\\u3299\\uFE0F\\U0001F000-\\U0001FAFF])'
      || E'[\\u200C\\u200D]'
    -- and before another one, where it is of Arabic or an emoji
    || '|' || E'(?<=[\\u0600-\\u08FF])[\\u200C\\u200D](?![\\u0600-\\u08FF])'
    || '|' || E'(?<=[\\u2190-\\u2BFF\\u3030\\u303D\\u3297\\u3299\\uFE0F\\U0001F000-\\U0001FAFF])'
      || E'(?:\\u200C|\\u200D(?![\\u2190-\\u2BFF\\U0001F000-\\U0001FAFF]))'
    -- selectors: behind an emoji, a symbol, a Chinese character, or between a digit and a keycap
    || '|' || E'(?<![#*0-9\\u00A9\\u00AE\\u203C\\u2049\\u2100-\\u2BFF\\u3030\\u303D\\u3297\\u3299\\u3400-\\u9FFF\\uF900-\\uFAFF'
      || E'\\U0001F000-\\U0001FAFF\\U00020000-\\U0003FFFF])[\\uFE00-\\uFE0F]'
    || '|' || E'(?<=[#*0-9])[\\uFE00-\\uFE0F](?!\\u20E3)'
    || '|' || E'(?<![\\u3400-\\u9FFF\\uF900-\\uFAFF\\U00020000-\\U0003FFFF])[\\U000E0100-\\U000E01EF]'
    || '|' || E'(?<![\\u1800-\\u18AF])[\\u180B-\\u180F]'
    -- tags: a few behind a black flag, which they make that of a country
    || '|' || E'(?<![\\U0001F3F4\\U000E0020-\\U000E007E])[\\U000E0020-\\U000E007F]'
    || '|' || E'[\\U000E0020-\\U000E007F]{8,}';
end;
$$;
comment on function learn_internal.hidden_characters() is
  'A pattern for characters that nobody sees, or that turn the direction of a text, where no script needs them.';
