namespace TestGrid.Core.Config.Schema;

/// <summary>Takes one text of assignments apart: <c>A=1 B="two words" C=$(date +%s)</c>. Values keep their quotes: they are bash.</summary>
internal static class EnvLine
{
    public static List<(string Name, string Value)> Parse(string text)
    {
        var vars = new List<(string, string)>();
        var at = 0;
        while (true)
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
                at++;
            if (at == text.Length)
                return vars;
            var start = at;
            while (at < text.Length && text[at] != '=' && !char.IsWhiteSpace(text[at]))
                at++;
            var name = text[start..at];
            if (at == text.Length || text[at] != '=')
            {
                vars.Add((name, ""));
                continue;
            }

            start = ++at;
            at = Word(text, at);
            vars.Add((name, text[start..at]));
        }
    }

    /// <summary>Is this text one bash word, or none?</summary>
    public static bool IsWord(string value) => Word(value, 0) == value.Length;

    /// <summary>The end of the bash word that starts here.</summary>
    private static int Word(string text, int at)
    {
        while (at < text.Length && !char.IsWhiteSpace(text[at]))
        {
            at = text[at] switch
            {
                '\\' => Math.Min(at + 2, text.Length),
                '"' or '\'' or '`' => Quoted(text, at),
                '$' when at + 1 < text.Length && text[at + 1] is '(' or '{' => Nested(text, at + 1),
                _ => at + 1,
            };
        }

        return at;
    }

    // A quote that nothing closes is a bare character: the word ends at the next space.
    private static int Quoted(string text, int at)
    {
        for (var i = at + 1; i < text.Length; i++)
        {
            if (text[i] == '\\')
                i++;
            else if (text[i] == text[at])
                return i + 1;
        }

        return at + 1;
    }

    private static int Nested(string text, int at)
    {
        var close = text[at] == '(' ? ')' : '}';
        var depth = 0;
        for (var i = at; i < text.Length; i++)
        {
            if (text[i] == '\\')
                i++;
            else if (text[i] == text[at])
                depth++;
            else if (text[i] == close && --depth == 0)
                return i + 1;
        }

        return at + 1;
    }
}
