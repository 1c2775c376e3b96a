namespace TestGrid.Core.Config.Schema;

/// <summary>
/// Takes one text of assignments apart: <c>A=1 B="two words" C=$(date +%s)</c>. Values keep their quotes: they are
/// bash.
/// </summary>
internal static class EnvLine
{
    /// <summary>
    /// The assignments in order; null when a quote or bracket is not closed, and so nothing is certain.
    /// </summary>
    public static List<(string Name, string Value)>? Parse(string text)
    {
        var vars = new List<(string, string)>();
        var at = 0;
        while (true)
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
                at++;
            if (at == text.Length)
                return vars;

            // `"CFLAGS='-O2 -g'"`: the whole assignment in quotes.
            if (text[at] is '"' or '\'' && Quoted(text, at) is var closed and > 0)
            {
                var inner = text[(at + 1)..(closed - 1)].Split('=', 2);
                vars.Add(inner.Length == 2 ? (inner[0], inner[1]) : (inner[0].Split(' ')[0], ""));
                at = closed;
                continue;
            }

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
            at = Word(text, at, swallows: true);
            if (at < 0)
                return null;
            vars.Add((name, text[start..at].TrimEnd()));
        }
    }

    /// <summary>
    /// The assignments that bash would make of <c>export NAME=VALUE</c>; null when a word of them is none.
    /// </summary>
    public static List<(string Name, string Value)>? Exported(string name, string value)
    {
        var vars = new List<(string, string)>();
        var text = $"{name}={value}";
        for (var at = 0; at < text.Length; at++)
        {
            if (char.IsWhiteSpace(text[at]))
                continue;
            var start = at;
            at = Word(text, at);
            if (at < 0 || text.IndexOf('=', start) is var equals && (equals < start || equals > at))
                return null;
            vars.Add((text[start..equals], text[(equals + 1)..at]));
        }

        return vars;
    }

    /// <summary>Is this text one bash word, or none?</summary>
    public static bool IsWord(string value) => Word(value, 0) == value.Length;

    /// <summary>The end of the bash word that starts here; -1 when it has none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">Where it starts.</param>
    /// <param name="swallows">
    /// A reference in braces or brackets outside of quotes takes the rest of the text along, as on Travis: bash reads
    /// both in one <c>export</c>, so the variables behind it are set all the same.
    /// </param>
    private static int Word(string text, int at, bool swallows = false)
    {
        while (at >= 0 && at < text.Length && !char.IsWhiteSpace(text[at]))
        {
            at = text[at] switch
            {
                '\\' => Math.Min(at + 2, text.Length),
                '"' or '\'' or '`' => Quoted(text, at),
                '$' when at + 1 < text.Length && text[at + 1] is '(' or '{' => Rest(
                    text,
                    Nested(text, at + 1),
                    swallows
                ),
                _ => at + 1,
            };
        }

        return at;
    }

    private static int Rest(string text, int at, bool swallows) => at >= 0 && swallows ? text.Length : at;

    private static int Quoted(string text, int at)
    {
        for (var i = at + 1; i < text.Length; i++)
        {
            if (text[i] == '\\')
                i++;
            else if (text[i] == text[at])
                return i + 1;
        }

        return -1;
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

        return -1;
    }
}
