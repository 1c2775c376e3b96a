using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace TestGrid.Cli.Machine;

/// <summary>Parts of the settings as options, checked; what is wrong is named as an operator writes it.</summary>
internal static class OperatorSettings
{
    /// <summary>The options of a key: what the settings say, and defaults for the rest.</summary>
    /// <param name="settings">The file and the environment.</param>
    /// <param name="key">Such as <c>planning:limits</c>.</param>
    /// <exception cref="ValidationException">A value is out of its range, or cannot be read; the message names each.</exception>
    public static T Read<T>(IConfiguration settings, string key)
        where T : class, new()
    {
        T options;
        try
        {
            options = settings.GetSection(key).Get<T>() ?? new T();
        }
        catch (InvalidOperationException e) // the binder's, which names the key
        {
            throw new ValidationException(Told(e), e);
        }
        var found = new List<ValidationResult>();
        if (Validator.TryValidateObject(options, new ValidationContext(options), found, validateAllProperties: true))
            return options;
        throw new ValidationException(
            string.Join("; ", found.Select(one => $"{Name(key, one)}: {one.ErrorMessage}"))
                + ". Settings stand in testgrid.json in the data folder, and in TESTGRID_… variables."
        );
    }

    /// <summary>An exception of the settings' reader in words. A broken file's line and column stand in the innermost.</summary>
    public static string Told(Exception e) =>
        e.GetBaseException() is var cause && cause != e ? $"{e.Message} {cause.Message}" : e.Message;

    private static string Name(string key, ValidationResult one) =>
        string.Join(',', one.MemberNames.Select(name => $"{key}:{Camel(name)}")) is { Length: > 0 } named ? named : key;

    private static string Camel(string name) => name[..1].ToLower(CultureInfo.InvariantCulture) + name[1..];
}
