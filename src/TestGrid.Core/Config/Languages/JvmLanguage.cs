using TestGrid.Core.Config.Matrix;
using static TestGrid.Core.Config.Languages.DefaultBash;

namespace TestGrid.Core.Config.Languages;

/// <summary>Java, Groovy, Scala, Clojure and Android: the build tool is found by its file.</summary>
internal static class JvmLanguage
{
    private const string SkipTests = "install -DskipTests=true -Dmaven.javadoc.skip=true -B -V";

    /// <summary>What each tool's file is, how it prepares and how it tests; the first that is there counts.</summary>
    private static readonly (string File, string Prepare, string Test)[] Tools =
    [
        ("gradlew", "./gradlew assemble", "./gradlew check"),
        ("build.gradle", "gradle assemble", "gradle check"),
        ("mvnw", $"./mvnw {SkipTests}", "./mvnw test -B"),
        ("pom.xml", $"mvn {SkipTests}", "mvn test -B"),
    ];

    private static readonly string Prepare = Choose([
        .. Tools.Select(tool => ($"-f {tool.File}", Fetch(tool.Prepare))),
    ]);

    private static readonly string Test = Choose([
        .. Tools.Select(tool => ($"-f {tool.File}", Run(tool.Test))),
        ("", Run("ant test")),
    ]);

    // A bundle may hold several JDKs, as Debian has them: /usr/lib/jvm/java-17-openjdk-amd64.
    private const string ChooseJdk = """
        for _tg_jdk in /usr/lib/jvm/java-@V-openjdk-* /usr/lib/jvm/java-1.@V.0-openjdk-*; do
          if [[ -x $_tg_jdk/bin/java ]]; then
            export JAVA_HOME=$_tg_jdk PATH=$_tg_jdk/bin:$PATH
            break
          fi
        done
        unset _tg_jdk
        """;

    public static LanguageSteps Java(MatrixJob job, string? version) =>
        Jdk(job, version) with
        {
            Install = Prepare,
            Script = Test,
        };

    public static LanguageSteps Scala(MatrixJob job, string? version)
    {
        var scala = job.Text("scala") ?? "2.12.8";
        var jdk = Jdk(job, version);
        const string isSbt = "-d project || -f build.sbt";
        return jdk with
        {
            Export = Lines(jdk.Export!, Export("TRAVIS_SCALA_VERSION", scala)),
            Announce = Lines(jdk.Announce!, Echo($"Using Scala {scala}")),
            Install = Choose(("! -d project && ! -f build.sbt", Prepare)),
            Script = Choose((isSbt, Run($"sbt{Args(job.Text("sbt_args"))} ++{scala} test")), ("", Test)),
        };
    }

    public static LanguageSteps Clojure(MatrixJob job, string? version)
    {
        var lein =
            job.Text("lein") is { } named and not "lein" && named.All(c => char.IsAsciiLetterOrDigit(c))
                ? named
                : "lein";
        var jdk = Jdk(job, version);
        return jdk with
        {
            Announce = Lines(jdk.Announce!, Run($"{lein} version")),
            Install = Fetch($"{lein} deps"),
            Script = Run($"{lein} test"),
        };
    }

    public static LanguageSteps Android(MatrixJob job, string? version) =>
        Jdk(job, version) with
        {
            Script = Choose(
                ("-f gradlew", Run("./gradlew build connectedCheck")),
                ("-f build.gradle", Run("gradle build connectedCheck")),
                ("-f pom.xml", Run("mvn install -B")),
                ("", Run("ant debug install test"))
            ),
        };

    private static LanguageSteps Jdk(MatrixJob job, string? version)
    {
        var number = VersionWords.Java.Read(version ?? "default").Text;
        return new LanguageSteps(
            Export: Export("TRAVIS_JDK_VERSION", job.Text("jdk") ?? "default"),
            Setup: Lines(
                number.Length > 0 && number.All(char.IsAsciiDigit)
                    ? ChooseJdk.Replace("@V", number, StringComparison.Ordinal)
                    : "",
                // Gradle's progress bars fill a log.
                Choose(("-f build.gradle", "export TERM=dumb"))
            ),
            Announce: Lines(Run("java -Xmx32m -version"), Run("javac -J-Xmx32m -version"))
        );
    }
}
